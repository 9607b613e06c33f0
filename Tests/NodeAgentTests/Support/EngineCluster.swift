// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry

@testable import NodeAgent

/// Machines that exist as records only, with a session each.
struct EngineCluster: Sendable {
    let registry: ClusterRegistry
    let machines: [(id: MachineID, tenure: Tenure)]

    init(_ registry: ClusterRegistry, machines count: Int) async throws {
        self.registry = registry
        var machines: [(MachineID, Tenure)] = []
        for number in 0..<count {
            let id = try MachineID.random()
            let lease = try await registry.store.grantLease(ttl: 600).lease
            let record = MachineRecord(id: id, name: "m\(number)", address: "192.0.2.\(number)", token: "t\(number)")
            guard case .registered(let revision) = try await registry.register(record, lease: lease) else {
                throw NeverCame(description: "machine \(number) is taken")
            }
            machines.append((id, Tenure(machine: id, lease: lease, recordRevision: revision)))
        }
        self.machines = machines
    }

    /// Makes a leader of the first machine, or of another.
    func lead(_ number: Int = 0) async throws -> Leadership {
        let (id, tenure) = machines[number]
        return try required(try await registry.campaign(machine: id, lease: tenure.lease), "the lead")
    }

    /// What is assigned now.
    func assignments() async throws -> [(machine: MachineID, unit: UnitName)] {
        try await keys(registry.keys.schedule).compactMap { key in
            registry.keys.name(of: key, Records.schedule).map { ($0.machine, $0.unit) }
        }
    }

    func keys(_ selector: KeySelector) async throws -> [String] {
        try await registry.store.get(selector, revision: 0).keys.map(\.key)
    }
}
