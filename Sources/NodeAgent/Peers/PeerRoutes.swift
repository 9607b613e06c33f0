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

    var routes: [Route] {
        [
            Route(
                API.ownPrefix + "/machines/{id}/renewal", needs: .machineItself,
                [
                    "POST": { (request, names) async throws(ServerFailure) in
                        try await renew(machine: names[0], request)
                    }
                ]),
            Route(
                API.ownPrefix + "/machines/{id}/resignation", needs: .machineItself,
                [
                    "POST": { (request, names) async throws(ServerFailure) in
                        try await resign(machine: names[0], request)
                    }
                ]),
        ]
    }

    /// Renews the lease of the machine that asks, if the lease is its own: the one that its record hangs on.
    private func renew(machine text: String, _ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        guard let machine = MachineID(text) else { throw ServerFailure(400, "no machine id") }
        guard let body = try? JSONDecoder().decode(API.Renewal.self, from: Data(try await request.body())),
            let bits = UInt64(body.lease, radix: 16), bits != 0
        else { throw ServerFailure(400, "no lease") }
        let lease = LeaseID(Int64(bitPattern: bits))
        let ttl: Int
        do {
            guard try await registry.session(of: machine) == lease else {
                throw ServerFailure(409, "the lease is not that machine's")
            }
            ttl = try await registry.renew(lease) ?? 0
        } catch let failure as ServerFailure {
            throw failure
        } catch {
            throw ServerFailure(503, "the store does not answer")
        }
        guard let bytes = try? JSONEncoder().encode(API.RenewalAnswer(ttl: ttl)) else { throw ServerFailure(500) }
        var reply = ServerReply(
            status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](bytes)))
        // One per second and machine while a store is out of reach: none of it is an operator's act.
        reply.isRoutine = true
        return reply
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
