// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Registry
import Synchronization
import Timing

/// Through which machines without a login of their own use the store: it sends on what is theirs, as this machine's own request.
///
/// Etcd before 3.4.42, 3.5.28 and 3.6.9 lets any user past its rights (nested transactions, watches to the end), and whoever has a
/// certificate for it can do what it asks nobody for a login for. A machine that runs units alone therefore gets neither login nor
/// certificate. Its requests come here in etcd's own form, by TLS and its identity, are taken apart, judged and written anew.
struct StoreGate: Sendable {
    /// How it reaches etcd: with connections of its own, and without a memory of which store that is, for the machine judges that itself.
    let etcd: EtcdClient
    /// For renewals, and for what tells whether there is a quorum: what is large elsewhere must not delay them.
    let renewals: EtcdClient
    let registry: ClusterRegistry
    /// etcd's members as this machine's settings name them, of which it says how they are.
    private let members: Set<String>
    /// The front half of the numbers of a machine's leases; `nil` of one for which none was drawn.
    private let front: @Sendable (MachineID) async -> UInt32?
    private let clockwork: any Clockwork
    private let traffic = Traffic()

    init(
        etcd: EtcdClient, renewals: EtcdClient, registry: ClusterRegistry,
        clockwork: any Clockwork = MachineClockwork(), front: @escaping @Sendable (MachineID) async -> UInt32?
    ) {
        self.etcd = etcd
        self.renewals = renewals
        self.registry = registry
        self.clockwork = clockwork
        self.front = front
        members = Set(etcd.memberURLs)
    }

    /// Those URLs of etcd's members that mean the same at every gate.
    ///
    /// A loopback address is another host for each who uses it, so what is there says nothing of the member that was meant.
    static func shared(_ urls: [String]) -> [String] {
        urls.filter { url in !["://127.", "://localhost:", "://[::1]:"].contains { url.contains($0) } }
    }

    /// What comes before etcd's own paths, for the client of a machine.
    static func path(for machine: MachineID) -> String { "\(API.ownPrefix)/machines/\(machine.rawValue)/store" }

    /// The longest that it tries for one request; who asks may wait less, and says so.
    private static let patience = Duration.seconds(4)
    /// The largest answer that it holds for a machine; the machine's client asks for smaller pages then.
    static let answerLimit = 8 << 20

    var routes: [Route] {
        StoreRequest.Path.allCases.map { path in
            Route(.gate(path.rawValue)) { (request, names) async throws(ServerFailure) in
                try await admit(names[0]) { machine async throws(ServerFailure) in
                    try await pass(path, request, for: machine)
                }
            }
        } + [
            Route(.gate(GatedStore.memberPath)) { (request, names) async throws(ServerFailure) in
                try await admit(names[0]) { _ async throws(ServerFailure) in try await ask(request) }
            }
        ]
    }

    /// Counts a request of a machine while it is carried out.
    private func admit(
        _ id: String, _ work: (MachineID) async throws(ServerFailure) -> ServerReply
    ) async throws(ServerFailure) -> ServerReply {
        guard let machine = MachineID(id) else { throw ServerFailure(400, "no machine id") }
        guard traffic.begin(machine) else {
            throw ServerFailure(429, "too many requests at once; wait for answers").retrying(after: 1)
        }
        defer { traffic.end(machine) }
        var reply = try await work(machine)
        let time = Int64(Date().timeIntervalSince1970) - (etcd.clockError ?? renewals.clockError ?? 0)
        reply.headers.append((name: GatedStore.timeField, value: String(time)))
        // Some each second and machine: none of it is an operator's act.
        reply.isRoutine = true
        return reply
    }

    private func pass(
        _ path: StoreRequest.Path, _ request: ServerRequest, for machine: MachineID
    ) async throws(ServerFailure) -> ServerReply {
        let body = try await request.body()
        var asked: StoreRequest
        do throws(EtcdError) {
            asked = try StoreRequest(path, body: body)
        } catch {
            throw ServerFailure(403, "permission denied: \(error.message)")
        }
        if let words = registry.keys.refusal(of: asked, by: machine) { throw ServerFailure(403, words) }
        for lease in asked.leases {
            // What etcd says to the question goes back as if it had said it to the request.
            if let refusal = try await check(lease, of: machine) { return Self.reply(refusal.status, refusal.body) }
        }
        if case .grant(let ttl, _) = asked {
            guard traffic.grants(machine, at: clockwork.now) else {
                throw ServerFailure(429, "too many requests for leases; wait").retrying(after: Traffic.pause)
            }
            let front = await front(machine) ?? MachineLease.front(of: machine)
            asked = .grant(ttl: ttl, id: MachineLease.number(front, chance: clockwork.random()))
        }
        let (patience, began) = (Self.patience(of: request), ContinuousClock.now)
        let room = registry.keys.room(for: asked, largest: Self.answerLimit)
        if room > 0 { try await request.reserve(answer: room, within: patience) }
        do throws(EtcdError) {
            let isRenewal = if case .keepAlive = asked { true } else { false }
            let client = (isRenewal ? renewals : etcd).withTimeout(patience - (ContinuousClock.now - began))
            guard case .watch = asked else { return Self.reply(200, try await client.pass(asked)) }
            return Self.reply(200, .stream(PassedWatchBody(watch: try await client.passWatch(asked))))
        } catch {
            let (status, body) = error.gateAnswer
            return Self.reply(status, body)
        }
    }

    /// Makes sure that a lease is the machine's: one that a gate has made for it, or the one on which its record hangs.
    ///
    /// The front half that was drawn for the machine proves it without a question to etcd, so that a renewal waits for nothing else. The
    /// record is for a machine that began its session when it had a login of its own, or before it joined anew.
    ///
    /// - Returns: etcd's answer, where it does not say what hangs on the lease.
    /// - Throws: When the lease is another's.
    private func check(
        _ lease: LeaseID, of machine: MachineID
    ) async throws(ServerFailure) -> (status: Int, body: [UInt8])? {
        let denial = ServerFailure(403, "permission denied: lease \(lease) is not that of machine \(machine.short)")
        let drawn = await front(machine)
        if let drawn, MachineLease.has(lease, drawn) { return nil }
        if drawn != nil || !MachineLease.has(lease, MachineLease.front(of: machine)) {
            let own: LeaseID?
            do throws(RegistryError) {
                own = try await registry.session(of: machine)
            } catch {
                throw ServerFailure(503, "the store does not say whose the lease is: \(error.reason)")
            }
            guard own == lease else { throw denial }
        }
        let keys: [String]
        do throws(EtcdError) {
            keys = try await renewals.withTimeout(Self.patience).keys(on: lease)
        } catch {
            if error.code == .permissionDenied { throw denial }
            return error.gateAnswer
        }
        guard registry.keys.mayWrite(keys, by: machine) else { throw denial }
        return nil
    }

    /// Asks a member of etcd how it is, now.
    private func ask(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let body = try await request.body()
        let url: String
        do throws(EtcdError) {
            url = try GatedStore.member(in: body)
        } catch {
            throw ServerFailure(400, error.message)
        }
        // Nothing else is called for a machine: it names members, not hosts.
        guard members.contains(url) else {
            return Self.reply(200, EndpointAnswer.unknown(reason: "no member that this gate knows").gateAnswer)
        }
        return Self.reply(200, await renewals.probe(url).gateAnswer)
    }

    private static func patience(of request: ServerRequest) -> Duration {
        let name = GatedStore.patienceField.lowercased()
        let text = request.headers.first { $0.name.lowercased() == name }?.value
        guard let milliseconds = text.flatMap({ Int64($0) }), milliseconds > 0 else { return patience }
        // A tenth is for the way back.
        return min(patience, .milliseconds(min(milliseconds, 60_000)) * 9 / 10)
    }

    private static func reply(_ status: Int, _ body: [UInt8]) -> ServerReply { reply(status, .bytes(body)) }

    private static func reply(_ status: Int, _ body: ServerReply.Body) -> ServerReply {
        ServerReply(
            status: status,
            headers: [(name: "Content-Type", value: "application/json"), (name: "Cache-Control", value: "no-store")],
            body: body)
    }
}

/// What one machine may have under way: it cannot take this machine's memory, or fill the store with leases.
private final class Traffic: Sendable {
    /// Requests of one machine at once; an agent has a few, and asks after three members five times a second while they are silent.
    private static let most = 64
    /// Leases at once, and then one in so many seconds.
    private static let leases = (burst: 20.0, rate: 0.2)
    /// From one such lease to the next, in seconds.
    static let pause = 5

    private struct State {
        var running: [MachineID: Int] = [:]
        var grants: [MachineID: TokenBucket] = [:]
    }

    private let state = Mutex(State())

    func begin(_ machine: MachineID) -> Bool {
        state.withLock { state in
            guard state.running[machine] ?? 0 < Self.most else { return false }
            state.running[machine, default: 0] += 1
            return true
        }
    }

    func end(_ machine: MachineID) {
        state.withLock { state in
            state.running[machine, default: 0] -= 1
            if state.running[machine] == 0 { state.running[machine] = nil }
        }
    }

    func grants(_ machine: MachineID, at moment: Moment) -> Bool {
        let now = Double(moment.nanoseconds) / 1e9
        return state.withLock { state in
            var bucket =
                state.grants[machine] ?? TokenBucket(burst: Self.leases.burst, rate: Self.leases.rate, now: now)
            defer { state.grants[machine] = bucket }
            return bucket.take(at: now)
        }
    }
}

/// A watch of a machine's as the body of an answer; it ends with the watch's connection to etcd, so that the machine hears of it.
private struct PassedWatchBody: ReplyStream {
    let watch: PassedWatch

    func run(write: ([UInt8]) async throws -> Void) async throws {
        while let bytes = await watch.next() { try await write(bytes) }
    }

    func close() { watch.cancel() }
}
