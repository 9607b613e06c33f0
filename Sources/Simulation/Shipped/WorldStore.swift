// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetCore
import Registry
import Timing

/// What the clients of one process know of the store and of its members.
///
/// Mirrors `EndpointTable.swift` and `StoreIdentity.swift`.
final class StoreKnowledge: @unchecked Sendable {
    unowned let world: World
    private(set) var preferred = 0
    private var lastAnswer: [Int64]
    private var lastFailure: [Int64]
    /// `nil` until a store has answered.
    private(set) var clusterID: UInt64?
    private(set) var revision: Int64
    /// Why the store that answered last is not the one.
    private(set) var problem: EtcdError?

    init(world: World, clusterID: UInt64?, revision: Int64) {
        self.world = world
        self.clusterID = clusterID
        self.revision = revision
        lastAnswer = Array(repeating: -1, count: world.setting.members)
        lastFailure = lastAnswer
    }

    var memberCount: Int { lastAnswer.count }

    func turnAway(from member: Int) {
        lastFailure[member] = world.now
        if preferred == member { preferred = (member + 1) % memberCount }
    }

    func answered(_ member: Int) { lastAnswer[member] = world.now }

    func isKnownToLive(_ member: Int, within span: Int64) -> Bool {
        lastAnswer[member] >= 0 && world.now - lastAnswer[member] <= span && lastFailure[member] < lastAnswer[member]
    }

    func saw(_ revision: Int64) { self.revision = max(self.revision, revision) }

    /// An etcd that begins anew with the same members has the same cluster id, so only revisions tell it apart.
    func check(_ answer: StoreAnswer, floor: Int64?, mayHaveHappened: Bool) throws(EtcdError) {
        clusterID = WorldStore.clusterID
        guard let floor else { return }
        guard answer.revision >= floor else {
            let error = EtcdError(
                code: .storeReplaced, message: "the store has reached \(answer.revision), where \(floor) was seen",
                isTransient: false, mayHaveHappened: mayHaveHappened)
            problem = error
            throw error
        }
        revision = max(revision, answer.revision)
        problem = nil
    }
}

/// One process's way to the model of etcd: what `EtcdClient` is on a machine, down to attempts, members and time-outs.
///
/// Mirrors `EtcdClient+Call.swift`, which takes its time from Swift and so cannot run here.
final class WorldStore: SessionStore, @unchecked Sendable {
    let process: HostProcess
    let clockwork: WorldClockwork
    let known: StoreKnowledge
    private let timeout: Duration
    /// A connection broke on which a watch waited.
    let onBrokenWatch: @Sendable () -> Void
    var world: World { process.world }

    static let clusterID: UInt64 = 7
    static let probeTimeout = Span.second

    init(
        process: HostProcess, clockwork: WorldClockwork, known: StoreKnowledge, timeout: Duration = .seconds(5),
        onBrokenWatch: @escaping @Sendable () -> Void
    ) {
        self.process = process
        self.clockwork = clockwork
        self.known = known
        self.timeout = timeout
        self.onBrokenWatch = onBrokenWatch
    }

    // MARK: KeyValueStore

    func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        let answer = try await call(.read(selector, revision: revision))
        guard case .keys(let found) = answer.content else { throw Self.strange }
        return (found, answer.revision)
    }

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        let sent = world.brokenPort == .unguardedLeader ? transaction.withoutLeader : transaction
        let answer = try await call(.commit(sent))
        guard case .result(var result) = answer.content else { throw Self.strange }
        if world.brokenPort == .lostClaimsGranted, !result.succeeded, transaction.isClaim {
            result.succeeded = true
            result.outcomes = transaction.then.map { _ in .put }
        }
        return result
    }

    func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) {
        guard case .lease(let lease, let ttl) = try await call(.grant(ttl: ttl)).content else { throw Self.strange }
        return (LeaseID(lease), ttl)
    }

    func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? {
        guard case .alive(let ttl) = try await call(.keepAlive(lease.rawValue)).content else { throw Self.strange }
        return ttl
    }

    func revoke(_ lease: LeaseID) async throws(EtcdError) { _ = try await call(.revoke(lease.rawValue)) }

    func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error> {
        let (stream, continuation) = AsyncThrowingStream<WatchBatch, any Error>.makeStream()
        let watch = WorldWatch(self, selector, from: revision, continuation)
        continuation.onTermination = { _ in watch.end() }
        watch.begin()
        return stream
    }

    // MARK: SessionStore

    var memberURLs: [String] { (0..<known.memberCount).map { "http://member-\($0):2379" } }
    var preferredEndpoint: Int { known.preferred }
    var knownClusterID: UInt64? { known.clusterID }
    var knownRevision: Int64 { known.revision }
    var seesAnotherStore: Bool { known.problem != nil }
    var clockError: Int64? { 0 }

    func withTimeout(_ span: Duration) -> WorldStore {
        WorldStore(
            process: process, clockwork: clockwork, known: known, timeout: max(span, .milliseconds(1)),
            onBrokenWatch: onBrokenWatch)
    }

    func members() async throws(EtcdError) -> [EtcdMember] {
        // Asked of the store itself, as an etcd does that answers in a linearizable way.
        _ = try await call(.read(.key(RegistryKeys(cluster: .default).mark), revision: 0))
        return memberURLs.enumerated().map {
            EtcdMember(id: UInt64($0 + 1), name: "member-\($0)", clientURLs: [$1], isLearner: false)
        }
    }

    func probe(member url: String, by endpoint: Int) async -> EndpointAnswer {
        guard let member = memberURLs.firstIndex(of: url) else { return .unknown(reason: "no member") }
        return await probe(member)
    }

    func probe(_ member: Int) async -> EndpointAnswer {
        let awaited = Awaited<EndpointAnswer>()
        let host = process.host.index
        world.network.send(host, member, .toMember) { [self] in
            let state = world.etcd.members[member]
            guard !state.isSilent else { return }
            let (leader, id) = (world.etcd.leader, UInt64(member + 1))
            let answer: EndpointAnswer =
                if !state.isUp {
                    .refused
                } else if let leader, world.etcd.knowsLeader(member) {
                    .healthy(leader: UInt64(leader + 1), clusterID: Self.clusterID, memberID: id)
                } else {
                    .noLeader(clusterID: Self.clusterID, memberID: id)
                }
            world.network.send(host, member, .fromMember) { [self] in process.enter { awaited.give(answer) } }
        }
        process.after(Self.probeTimeout) { awaited.give(.timedOut) }
        return await awaited.value(cancelled: .timedOut)
    }

    // MARK: Calls

    private static let strange = EtcdError(
        code: .malformedAnswer, message: "another answer than expected", isTransient: false, mayHaveHappened: true)

    /// Carries out a request at some member before the time for it is over.
    func call(_ request: StoreRequest) async throws(EtcdError) -> StoreAnswer {
        let start = world.now
        var failures = 0
        var mayHaveHappened = false
        if !request.isRepeatable, let problem = known.problem { throw problem }
        while true {
            let remaining = timeout.nanoseconds - (world.now - start)
            guard remaining > (failures == 0 ? 0 : 20 * Span.millisecond) else {
                throw error(.timedOut, mayHaveHappened)
            }
            let member = known.preferred
            let floor = request.isLinearizable ? known.revision : nil
            let count = known.memberCount
            let share = request.isRepeatable ? remaining / Int64(count - failures % count) : remaining
            switch await attempt(request, at: member, within: share) {
            case .success(let answer):
                known.answered(member)
                try known.check(answer, floor: floor, mayHaveHappened: !request.isRepeatable)
                if case .refused(let error) = answer.content { throw error }
                return answer
            case .failure(let failure):
                mayHaveHappened = mayHaveHappened || failure.mayHaveHappened
                if failure.code == .interfered { throw error(.cancelled, mayHaveHappened) }
                known.turnAway(from: member)
                failures += 1
                guard request.isRepeatable || !mayHaveHappened else {
                    throw error(failure.code == .timedOut ? .timedOut : .unreachable, mayHaveHappened)
                }
            }
            guard failures % count == 0 else { continue }
            let left = max(0, timeout.nanoseconds - (world.now - start))
            let pause = min(Self.pause(round: failures / count, world), left)
            guard (try? await clockwork.sleep(for: .nanoseconds(pause))) != nil else { throw error(.cancelled, false) }
        }
    }

    /// 50 ms, doubled each round up to 800 ms, give or take a quarter.
    static func pause(round: Int, _ world: World) -> Int64 {
        let base = (50 * Span.millisecond) << Int64(min(max(round - 1, 0), 4))
        return base + world.random.between(-base / 4, base / 4)
    }

    private func error(_ code: EtcdError.Code, _ mayHaveHappened: Bool) -> EtcdError {
        EtcdError(
            code: code, message: "no answer: \(code.rawValue)", isTransient: code != .cancelled,
            mayHaveHappened: mayHaveHappened)
    }

    private func attempt(
        _ request: StoreRequest, at member: Int, within limit: Int64
    ) async -> Result<StoreAnswer, StoreFailure> {
        let awaited = Awaited<Result<StoreAnswer, StoreFailure>>()
        let host = process.host.index
        world.network.send(host, member, .toMember) { [self] in
            world.etcd.receive(request, at: member) { [self] result in
                world.network.send(host, member, .fromMember) { [self] in process.enter { awaited.give(result) } }
            }
        }
        process.after(limit) { awaited.give(.failure(StoreFailure(code: .timedOut, mayHaveHappened: true))) }
        return await awaited.value(cancelled: .failure(StoreFailure(code: .interfered, mayHaveHappened: true)))
    }
}
