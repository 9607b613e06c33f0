// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Registry

/// What an agent does for its peers.
struct PeerRoutes: Sendable {
    let registry: ClusterRegistry
    /// How old the newest proof of this machine is that no session with that store can have ended; `nil` when it has none.
    let proof: @Sendable (String) async -> Duration?

    /// From one look for a proof to the next, while the store does not renew.
    private static let pause = Duration.milliseconds(100)
    /// No session's proof is older, in milliseconds.
    private static let oldest = 7_200_000

    var routes: [Route] {
        [
            Route(.renewSession) { (request, names) async throws(ServerFailure) in
                try await renew(machine: names[0], request)
            },
            Route(.resignLead) { (request, names) async throws(ServerFailure) in
                try await resign(machine: names[0], request)
            },
        ]
    }

    private func renew(machine text: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        guard let machine = MachineID(text) else { throw ServerFailure(400, "no machine id") }
        guard let body = try? JSONDecoder().decode(API.Renewal.self, from: Data(try await request.body())),
            let bits = UInt64(body.lease, radix: 16), bits != 0
        else { throw ServerFailure(400, "no lease") }
        let answer = try await self.answer(body, about: LeaseID(Int64(bitPattern: bits)), of: machine)
        guard let bytes = try? JSONEncoder().encode(answer) else { throw ServerFailure(500) }
        return ServerReply(
            status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
    }

    /// Tells of a proof that is younger than the machine's own, else renews its lease, whichever comes first.
    ///
    /// A store that does not answer this machine either may be one of which it has heard, or is about to, that it was down.
    func answer(
        _ renewal: API.Renewal, about lease: LeaseID, of machine: MachineID
    ) async throws(ServerFailure) -> API.RenewalAnswer {
        guard let own = renewal.proofAge, (0...Self.oldest).contains(own), let store = renewal.store else {
            return API.RenewalAnswer(ttl: try await renewed(lease, of: machine))
        }
        let look: @Sendable () async -> API.RenewalAnswer? = { [proof] in
            guard let found = await proof(store) else { return nil }
            // Rounded up: a proof may be taken for older than it is, and never for younger.
            let age = Int(found / .milliseconds(1)) + 1
            guard SessionTiming.helps(proofAged: .milliseconds(age), against: .milliseconds(own)) else { return nil }
            return API.RenewalAnswer(ttl: 0, noQuorumAge: age)
        }
        if let answer = await look() { return answer }
        typealias Outcome = Result<API.RenewalAnswer, ServerFailure>
        let first = await withTaskGroup(of: Outcome?.self, returning: Outcome?.self) { group in
            group.addTask {
                do throws(ServerFailure) {
                    return .success(API.RenewalAnswer(ttl: try await renewed(lease, of: machine)))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.pause)
                    if let answer = await look() { return .success(answer) }
                }
                return nil
            }
            defer { group.cancelAll() }
            for await case .some(let result) in group { return result }
            return nil
        }
        return try (first ?? .failure(ServerFailure(503, "the store does not answer"))).get()
    }

    /// Renews the lease of the machine that asks, if the lease is its own: the one that its record hangs on.
    ///
    /// - Returns: Seconds that it now has; 0 when it no longer exists.
    private func renewed(_ lease: LeaseID, of machine: MachineID) async throws(ServerFailure) -> Int {
        do {
            guard try await registry.session(of: machine) == lease else {
                throw ServerFailure(409, "the lease is not that machine's")
            }
            return try await registry.renew(lease) ?? 0
        } catch let failure as ServerFailure {
            throw failure
        } catch {
            throw ServerFailure(503, "the store does not answer")
        }
    }

    /// Ends the lead of the machine that asks, if it still holds the one that it names.
    private func resign(machine text: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        guard let machine = MachineID(text) else { throw ServerFailure(400, "no machine id") }
        guard let body = try? JSONDecoder().decode(API.Resignation.self, from: Data(try await request.body())) else {
            throw ServerFailure(400, "no epoch")
        }
        do throws(RegistryError) {
            // Guarded by the epoch: another machine's lead, or a later one of this, is left alone.
            if let leader = try await registry.currentLeader(), leader.machine == machine, leader.epoch == body.epoch {
                try await registry.resign(leader)
            }
        } catch {
            throw ServerFailure(503, "the store does not end the lead: \(error.message)")
        }
        var reply = ServerReply(status: 204, headers: [], body: .bytes([]))
        reply.note = "lead of epoch \(body.epoch) ended"
        return reply
    }
}
