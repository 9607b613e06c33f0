// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import Registry
import Synchronization
import TestSupport
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

/// A store that was down for moments, and is silent now: who asked in time tells those that did not.
@Suite("a proof that a peer has", .timeLimit(.minutes(2)))
struct PeerProofTests {
    /// A peer that answers what it is told to.
    private final class Peer: PeerCaller {
        private let state = Mutex<(answer: PeerAnswer, asked: [SessionInNeed])>((.nothing, []))

        var asked: [SessionInNeed] { state.withLock { $0.asked } }

        func tell(_ answer: PeerAnswer) { state.withLock { $0.answer = answer } }

        func canCall(_ address: String?) -> Bool { true }

        func renew(
            _ session: SessionInNeed, of machine: MachineID, at address: String, within deadline: Duration
        ) async -> PeerAnswer {
            state.withLock { state in
                state.asked.append(session)
                return state.answer
            }
        }

        func resign(_ leadership: Leadership, at address: String, within deadline: Duration) async -> Bool { false }
    }

    /// The lease of a machine that is in the store, and can be called.
    private func register(_ machine: MachineID, _ registry: ClusterRegistry, at server: EtcdServer) async throws
        -> LeaseID
    {
        let lease = try await server.client().grantLease(ttl: 600).lease
        let record = MachineRecord(
            id: machine, name: "peer", address: "192.0.2.2", apiAddress: "192.0.2.2:1", bootID: "boot", token: "t")
        guard case .registered = try await registry.register(record, lease: lease) else {
            throw NeverCame(description: "registered")
        }
        return lease
    }

    @Test("a store that is silent fences nobody whose peers know that no session can have ended, as long as they do")
    func covered() async throws {
        let rig = try SessionRig(server: try await SharedEtcd.quickServer(), ttl: 12)
        let peer = Peer()
        _ = try await register(try .random(), try rig.registry(), at: rig.server)
        try await rig.run(caller: peer) { _, notes in
            try await until("entering") { !notes.entered.isEmpty }
            peer.tell(.noQuorum(age: .milliseconds(1)))
            rig.server.pause()
            defer { rig.server.resume() }
            let end = MachineClockwork().now + .seconds(13)
            try await until("what peers know") { notes.lastWords == "etcd is down or has no quorum; units go on" }
            try await until("more than the session's lifetime to pass") { MachineClockwork().now > end }
            #expect(notes.fences.isEmpty)
            let asked = try required(peer.asked.first)
            #expect(asked.lease == "\(try required(notes.entered.first).lease)")
            // The id of the store, how many members it has, and where.
            #expect(asked.store?.hasSuffix(" 1 \(rig.server.endpoint)") == true, "\(asked.store ?? "")")
            #expect(asked.proofAge >= .seconds(3))

            peer.tell(.nothing)
            try await until("the fence") { !notes.fences.isEmpty }
            #expect(notes.fences.first?.kill == rig.proof + .seconds(12) - .milliseconds(1200))
        }
    }

    @Test("a peer renews, or tells of a proof that is younger than the asker's and of its store, whichever comes first")
    func answers() async throws {
        let server = try await SharedEtcd.quickServer()
        let registry = ClusterRegistry(store: try server.client(), cluster: try SharedEtcd.randomCluster())
        let machine = try MachineID.random()
        let lease = try await register(machine, registry, at: server)
        let age = Mutex<Duration?>(nil)
        let routes = PeerRoutes(registry: registry) { store in store == "7" ? age.withLock { $0 } : nil }
        func answer(_ proofAge: Int?, _ store: String?) async throws(ServerFailure) -> API.RenewalAnswer {
            try await routes.answer(
                API.Renewal(lease: "\(lease)", proofAge: proofAge, store: store), about: lease, of: machine)
        }
        let renewed = API.RenewalAnswer(ttl: 600)
        #expect(try await answer(2_000, "7") == renewed)
        age.withLock { $0 = .microseconds(1_500_500) }
        #expect(try await answer(2_000, "7") == API.RenewalAnswer(ttl: 0, noQuorumAge: 1_501))
        #expect(try await answer(1_000, "7") == renewed, "no younger than what the asker has")
        #expect(try await answer(2_000, "8") == renewed, "of another store")
        #expect(try await answer(nil, nil) == renewed, "of a version that takes no proof")
        for strange in [-1, .max, .min] { #expect(try await answer(strange, "7") == renewed) }
        #expect(try await answer(1_530, "7") == renewed, "no younger by what two clocks may differ")

        // What the peer hears while it waits for the store itself.
        age.withLock { $0 = nil }
        server.pause()
        defer { server.resume() }
        async let late = answer(60_000, "7")
        age.withLock { $0 = .seconds(1) }
        #expect(try await late.noQuorumAge == 1_001)
        let failure = await #expect(throws: ServerFailure.self) { _ = try await answer(60_000, "8") }
        #expect(failure?.status == 503)
    }
}
