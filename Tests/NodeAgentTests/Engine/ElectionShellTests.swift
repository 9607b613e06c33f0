// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

@Suite("election with etcd", .timeLimit(.minutes(2)))
struct ElectionShellTests {
    /// A machine that may lead.
    private struct Candidate: Sendable {
        let machine: MachineID
        let shell: ElectionShell
        let task: Task<Void, Never>
        let lease: LeaseID

        init(_ registry: ClusterRegistry) async throws {
            machine = try .random()
            shell = ElectionShell(
                registry: registry, machine: machine, lossWindow: .seconds(5), clockwork: MachineClockwork(),
                logger: .silent)
            lease = try await registry.store.grantLease(ttl: 600).lease
            task = Task { [shell] in await shell.run() }
            await shell.sessionEntered(lease)
        }

        func end() async {
            await shell.stop()
            await task.value
        }
    }

    private func leaders(_ candidates: [Candidate]) async -> [MachineID] {
        var leaders: [MachineID] = []
        for candidate in candidates where await candidate.shell.isLeading { leaders.append(candidate.machine) }
        return leaders
    }

    @Test("exactly one of three leads, and when it resigns another follows at once")
    func oneOfThree() async throws {
        let (registry, etcd) = try await SharedEtcd.registry()
        var candidates: [Candidate] = []
        for _ in 0..<3 { candidates.append(try await Candidate(registry)) }
        var epochs: [Int64] = []
        for round in 0..<3 {
            let present = candidates
            try await until("leader \(round)") { await leaders(present).count == 1 }
            let leader = try #require(try await registry.currentLeader())
            #expect(await leaders(candidates) == [leader.machine])
            epochs.append(leader.epoch)
            let first = try #require(candidates.firstIndex { $0.machine == leader.machine })
            let former = candidates.remove(at: first)
            await former.end()
            // It gave the lead up, although its session would go on for minutes.
            #expect(try await etcd.timeToLive(former.lease) != nil)
            #expect(await !former.shell.isLeading)
        }
        #expect(epochs == epochs.sorted() && Set(epochs).count == 3)
        #expect(try await registry.currentLeader() == nil)
    }

    @Test("when the leader's session ends in etcd another leads, and the former steps down")
    func expiry() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let first = try await Candidate(registry)
        try await until("the first leader") { await first.shell.isLeading }
        let second = try await Candidate(registry)
        // Revoked behind its back: what expiry does, without a race against the clock.
        try await registry.store.revoke(first.lease)
        try await until("the second leader") { await second.shell.isLeading }
        try await until("the first one's end") { await !first.shell.isLeading }
        #expect(try await registry.currentLeader()?.machine == second.machine)
        await first.end()
        #expect(try await registry.currentLeader()?.machine == second.machine)
        await second.end()
    }

    @Test("a machine that leaves its session leads no more, and leads again in the next")
    func sessionLeft() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let candidate = try await Candidate(registry)
        try await until("leading") { await candidate.shell.isLeading }
        let first = try #require(try await registry.currentLeader())
        await candidate.shell.sessionLeft()
        try await until("stepping down") { await !candidate.shell.isLeading }
        try await registry.store.revoke(candidate.lease)
        let lease = try await registry.store.grantLease(ttl: 600).lease
        await candidate.shell.sessionEntered(lease)
        try await until("leading again") { await candidate.shell.isLeading }
        #expect(try #require(try await registry.currentLeader()).epoch > first.epoch)
        await candidate.end()
    }

    @Test("after an answer that was lost a new epoch goes on, and each unit is assigned once")
    func lostAnswer() async throws {
        let store = LossyStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, firstPause: .milliseconds(1))
        let machines = try await EngineCluster(registry, machines: 2)
        let candidate = try await Candidate(registry)
        try await until("leading") { await candidate.shell.isLeading }
        let first = try #require(try await registry.currentLeader())
        try await registry.createUnit(UnitName(unchecked: "web.service"), file: .service("1"), target: .launched)
        try await until("the lost answer") { await store.losses.isSpent }
        try await until("a new epoch") {
            guard let leader = try await registry.currentLeader() else { return false }
            return await candidate.shell.isLeading && leader.epoch > first.epoch
        }
        try await registry.createUnit(UnitName(unchecked: "db.service"), file: .service("2"), target: .launched)
        try await until("both placed") { try await machines.assignments().count == 2 }
        #expect(try await Set(machines.assignments().map(\.unit.rawValue)) == ["db.service", "web.service"])
        await candidate.end()
    }
}
