// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

@Suite("engine with etcd", .timeLimit(.minutes(2)))
struct EngineShellTests {
    private let web = UnitName(unchecked: "web.service")

    private func run(
        _ registry: ClusterRegistry, _ leadership: Leadership, _ body: () async throws -> Void
    ) async throws {
        let shell = EngineShell(
            registry: registry, leadership: leadership, lossWindow: .seconds(5), clockwork: MachineClockwork(),
            logger: .silent)
        let task = Task { await shell.run() }
        defer { task.cancel() }
        try await body()
        task.cancel()
        _ = await task.value
    }

    @Test(
        "most machines vanish at once: nothing is taken over until an operator says so, under this leader or the next")
    func brake() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let cluster = try await EngineCluster(registry, machines: 4)
        let placed: [(machine: MachineID, unit: UnitName)]
        let leadership = try await cluster.lead()
        func lost(_ number: Int) -> LeaseID { cluster.machines[number].tenure.lease }
        let units = (0..<4).map { UnitName(unchecked: "u\($0).service") }
        let shell = EngineShell(
            registry: registry, leadership: leadership, lossWindow: .seconds(60), clockwork: MachineClockwork(),
            logger: .silent)
        let task = Task { await shell.run() }
        defer { task.cancel() }
        for unit in units { try await registry.createUnit(unit, file: .service("1"), target: .launched) }
        try await until("four placed units") { try await cluster.assignments().count == 4 }
        try await until("four machines noted") {
            try await cluster.keys(.prefix("\(registry.keys.prefix)seen/")).count == 4
        }
        placed = try await cluster.assignments()
        // Three at once, the leader's own among them: its successor has to find out.
        task.cancel()
        _ = await task.value
        for number in 0..<3 { try await registry.store.revoke(lost(number)) }
        try await run(registry, try await cluster.lead(3)) {
            try await until("the brake") { try await !cluster.keys(.key(registry.keys.brake)).isEmpty }
            let new = UnitName(unchecked: "new.service")
            try await registry.createUnit(new, file: .service("1"), target: .launched)
            // What users want meanwhile is done; that it is shows that the leader has decided on all the rest.
            try await until("the new unit") { try await cluster.assignments().contains { $0.unit == new } }
            let now = try await cluster.assignments().filter { $0.unit != new }
            #expect(now.map(\.machine) == placed.map(\.machine))
            #expect(try await registry.releaseBrake() != nil)
            let survivor = cluster.machines[3].id
            try await until("the move of all units") {
                try await cluster.assignments().allSatisfy { $0.machine == survivor }
            }
        }
    }

    @Test("a unit is placed, moves when its machine goes, and no other with it")
    func placesAndRecovers() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let cluster = try await EngineCluster(registry, machines: 3)
        try await run(registry, try await cluster.lead()) {
            for number in 0..<4 {
                let unit = UnitName(unchecked: "u\(number).service")
                try await registry.createUnit(unit, file: .service("\(number)"), target: .launched)
            }
            try await until("four placed units") { try await cluster.assignments().count == 4 }
            let before = try await cluster.assignments()
            // The leader's own machine must stay.
            let victim = try #require(before.first { $0.machine != cluster.machines[0].id }).machine
            let lease = try #require(cluster.machines.first { $0.id == victim }).tenure.lease
            try await registry.store.revoke(lease)
            try await until("nothing left on the lost machine") {
                let now = try await cluster.assignments()
                return now.count == 4 && now.allSatisfy { $0.machine != victim }
            }
            let after = try await cluster.assignments()
            for assignment in before where assignment.machine != victim {
                #expect(after.contains { $0 == assignment })
            }
        }
    }

    @Test("a unit that is destroyed or set to inactive is taken off its machine")
    func withdraws() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let cluster = try await EngineCluster(registry, machines: 1)
        try await run(registry, try await cluster.lead()) {
            let database = UnitName(unchecked: "db.service")
            try await registry.createUnit(web, file: .service("1"), target: .launched)
            try await registry.createUnit(database, file: .service("2"), target: .loaded)
            try await until("two placed units") { try await cluster.assignments().count == 2 }
            try await registry.destroyUnit(web)
            try await registry.setTarget(database, .inactive)
            try await until("an empty schedule") { try await cluster.assignments().isEmpty }
        }
    }

    @Test("a deposed leader writes nothing")
    func deposed() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let cluster = try await EngineCluster(registry, machines: 2)
        let old = try await cluster.lead(0)
        try await registry.resign(old)
        let new = try await cluster.lead(1)
        try await registry.createUnit(web, file: .service("1"), target: .launched)
        let shell = EngineShell(
            registry: registry, leadership: old, lossWindow: .seconds(5), clockwork: MachineClockwork(), logger: .silent
        )
        #expect(await shell.run() == .deposed)
        #expect(try await cluster.assignments().isEmpty)
        #expect(try await registry.currentLeader() == new)
    }

    @Test("a plan whose answer was lost ends the epoch")
    func lostAnswer() async throws {
        let store = LossyStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, firstPause: .milliseconds(1))
        let cluster = try await EngineCluster(registry, machines: 1)
        try await registry.createUnit(web, file: .service("1"), target: .launched)
        let shell = EngineShell(
            registry: registry, leadership: try await cluster.lead(), lossWindow: .seconds(5),
            clockwork: MachineClockwork(), logger: .silent)
        #expect(await shell.run() == .deposed)
        #expect(try await registry.currentLeader() == nil)
        #expect(try await cluster.assignments().count == 1)
    }

    @Test("unit files that nothing uses any more are deleted, others are not")
    func collection() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        let cluster = try await EngineCluster(registry, machines: 1)
        try await run(registry, try await cluster.lead()) {
            let database = UnitName(unchecked: "db.service")
            let (former, present) = (try UnitFile.service("1"), try UnitFile.service("2"))
            try await registry.createUnit(web, file: former, target: .launched)
            try await registry.createUnit(database, file: present, target: .inactive)
            try await until("a placed unit") { try await cluster.assignments().count == 1 }
            try await registry.replaceUnit(web, file: present, target: .launched)
            try await until("only the file in use") {
                try await cluster.keys(registry.keys.files) == [registry.keys.file(present.hash)]
            }
        }
    }
}
