// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Registry
import Simulation
import Testing

@Suite("The shells that ship, in virtual time") struct ShippedShellTests {
    private static let units = (0..<6).map { UnitName(unchecked: "u\($0).service") }

    /// Lets the machines join, and has six units placed.
    private func place(on cluster: VirtualCluster) async throws {
        cluster.run(seconds: 5)
        let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n")
        for unit in Self.units { try await cluster.registry.createUnit(unit, file: file, target: .launched) }
        cluster.run(seconds: 5)
    }

    /// Cuts the machine off from etcd that leads.
    private func cutLeader(of cluster: VirtualCluster) async throws -> Leadership {
        let leader = try #require(try await cluster.registry.currentLeader())
        cluster.machines.first { $0.id == leader.machine }?.store.cut()
        return leader
    }

    @Test("one seed makes one history, and another seed another", arguments: [1, 2, 3] as [UInt64])
    func determinism(seed: UInt64) async throws {
        let clusters = [
            try VirtualCluster(seed: seed), try VirtualCluster(seed: seed), try VirtualCluster(seed: seed + 100),
        ]
        for cluster in clusters {
            try await place(on: cluster)
            _ = try await cutLeader(of: cluster)
            cluster.run(seconds: 10)
        }
        let (first, second, other) = (clusters[0], clusters[1], clusters[2])
        #expect(first.clockwork.hash == second.clockwork.hash)
        #expect(first.clockwork.jobCount == second.clockwork.jobCount)
        #expect(first.machines.map(\.story) == second.machines.map(\.story))
        #expect(first.clockwork.hash != other.clockwork.hash)
        #expect(clusters.allSatisfy { $0.clockwork.foreignJobs == 0 })
    }

    @Test(
        "a session outlives a store that is down, and ends at one that is silent",
        arguments: 0..<20 as Range<UInt64>)
    func session(seed: UInt64) throws {
        let cluster = try VirtualCluster(seed: seed)
        let machine = cluster.machines[0]
        cluster.run(seconds: 10)
        #expect(machine.story.count { $0.contains("entered under lease") } == 1, "\(machine.story)")
        cluster.etcd.goDown()
        cluster.run(seconds: 10)
        #expect(machine.story.contains { $0.contains("etcd is down or has no quorum; units go on") })
        cluster.etcd.comeUp()
        cluster.run(seconds: 10)
        #expect(machine.story.contains { $0.hasSuffix("ms: in the cluster") }, "\(machine.story)")
        #expect(!machine.story.contains { $0.contains("fenced") }, "\(machine.story)")
        machine.store.cut()
        cluster.run(seconds: 5)
        #expect(machine.story.contains { $0.hasSuffix("ms: fenced") }, "\(machine.story)")
        #expect(!cluster.machines[1].story.contains { $0.contains("fenced") }, "a machine that is not cut off goes on")
    }

    @Test(
        "a leader that is cut off is followed by another, which starts its units and no others (R1, R3, R7)",
        arguments: 0..<20 as Range<UInt64>)
    func leader(seed: UInt64) async throws {
        let cluster = try VirtualCluster(seed: seed)
        try await place(on: cluster)
        let before = try await cluster.assignments()
        #expect(Set(before.keys) == Set(Self.units) && Set(before.values).count == 3, "\(before)")
        let began = cluster.observer.places
        #expect(began.count == Self.units.count, "each runs: \(began)")
        let former = try await cutLeader(of: cluster)
        cluster.run(seconds: 7)
        let next = try #require(try await cluster.registry.currentLeader())
        #expect(next.machine != former.machine && next.epoch > former.epoch)
        let after = try await cluster.assignments()
        #expect(Set(after.keys) == Set(Self.units) && !after.values.contains(former.machine), "\(after)")
        for (unit, machine) in before where machine != former.machine { #expect(after[unit] == machine) }
        let places = cluster.observer.places
        #expect(places == Dictionary(uniqueKeysWithValues: after.map { ($0.rawValue, [$1]) }), "\(places)")
        #expect(cluster.observer.violations.isEmpty, "no unit ran on two machines")
    }
}
