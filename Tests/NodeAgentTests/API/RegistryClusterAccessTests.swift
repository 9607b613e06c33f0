// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPIServer
import FleetCore
import Registry
import Testing

@testable import NodeAgent

@Suite("the API's view of the cluster, with etcd", .timeLimit(.minutes(2)))
struct RegistryClusterAccessTests {
    private let web = UnitName(unchecked: "web.service")

    private func access() async throws -> (access: RegistryClusterAccess, registry: ClusterRegistry) {
        let (registry, _) = try await SharedEtcd.registry()
        return (RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)), registry)
    }

    @Test("a reading shows every write that was answered before")
    func ownWrites() async throws {
        let (access, _) = try await access()
        for number in 0..<20 {
            let unit = UnitName(unchecked: "u\(number).service")
            let revision = try await access.createUnit(unit, file: .service("\(number)"), target: .loaded)
            let read = try await access.state()
            #expect(read.state.units[unit]?.target == .loaded)
            #expect(read.revision >= revision)
        }
        _ = try await access.setTarget(UnitName(unchecked: "u0.service"), to: .launched)
        _ = try await access.requestRestart(UnitName(unchecked: "u1.service"))
        _ = try await access.destroyUnit(UnitName(unchecked: "u2.service"))
        let second = try UnitFile.service("second")
        _ = try await access.replaceUnit(UnitName(unchecked: "u3.service"), file: second, target: .inactive)
        let units = try await access.state().state.units
        #expect(units[UnitName(unchecked: "u0.service")]?.target == .launched)
        #expect(units[UnitName(unchecked: "u1.service")]?.restarts == 1)
        #expect(units[UnitName(unchecked: "u2.service")] == nil)
        #expect(units[UnitName(unchecked: "u3.service")]?.hash == second.hash)
        #expect(await access.ready() == nil)
    }

    @Test("what cannot be done is told as the API tells it")
    func refusals() async throws {
        let (access, _) = try await access()
        _ = try await access.createUnit(web, file: .service("1"), target: .loaded)
        await #expect(throws: ClusterAccessError.exists) {
            _ = try await access.createUnit(web, file: .service("1"), target: .loaded)
        }
        let none = UnitName(unchecked: "none.service")
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.setTarget(none, to: .loaded) }
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.requestRestart(none) }
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.destroyUnit(none) }
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.explain(none) }
    }

    @Test("a unit that no machine takes is explained, one that runs is not")
    func explanation() async throws {
        let (access, registry) = try await access()
        let cluster = try await EngineCluster(registry, machines: 2)
        let file = try UnitFile.service("1", more: "[X-Fleet]\nMachineMetadata=disk=ssd\n")
        _ = try await access.createUnit(web, file: file, target: .launched)
        let words = try await access.explain(web)
        #expect(words.count == 1 && words[0].contains("2"), "\(words)")
        let assignment = Assignment(
            machine: cluster.machines[1].id, unit: web, hash: file.hash, target: .launched)
        _ = try await registry.commit(
            [ScheduleStep(unit: web, changes: [.assign(assignment)], reason: "test")], as: try await cluster.lead())
        try await until("the assignment to be seen") { try await access.explain(web).isEmpty }
        _ = try await access.setTarget(web, to: .inactive)
        #expect(try await access.explain(web).isEmpty)
    }

    @Test("updates begin with the state as it is and go on without a gap")
    func updates() async throws {
        let (access, _) = try await access()
        _ = try await access.createUnit(web, file: .service("1"), target: .loaded)
        var states: [ClusterState] = []
        var seen: Set<UnitName> = []
        for try await update in try await access.updates() {
            states.append(update.state)
            if states.count == 1 {
                #expect(update.changes.isEmpty && update.state.units[web] != nil)
                for number in 0..<5 {
                    let unit = UnitName(unchecked: "u\(number).service")
                    _ = try await access.createUnit(unit, file: .service("1"), target: .loaded)
                }
            }
            for case .unitPut(let record) in update.changes { seen.insert(record.name) }
            if update.state.units.count == 6 { break }
        }
        #expect(seen.count == 5)
    }
}
