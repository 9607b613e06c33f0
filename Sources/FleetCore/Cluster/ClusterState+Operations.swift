// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What operations do, as people and the engine ask for it.
extension ClusterState {
    /// All operations, by when they were asked for.
    package var sortedOperations: [OperationRecord] {
        operations.values.sorted { ($0.asked, $0.id) < ($1.asked, $1.id) }
    }

    /// Those that go on, by when they were asked for.
    package var livingOperations: [OperationRecord] {
        living.compactMap { operations[$0] }.sorted { ($0.asked, $0.id) < ($1.asked, $1.id) }
    }

    /// What an operation has begun last; `nil` before its first wave, and when that record is missing or cannot be read.
    package func currentWave(of operation: OperationRecord) -> OperationWave? { waves[operation.id]?[operation.wave] }

    /// All waves of an operation that can be read, in order.
    package func sortedWaves(of id: OperationID) -> [OperationWave] {
        (waves[id] ?? [:]).values.sorted { $0.number < $1.number }
    }

    /// The operation whose step a unit is under way with; nobody else begins anything with it.
    package func operation(holding unit: UnitName) -> OperationRecord? {
        livingOperations.first { currentWave(of: $0)?.open?.unit == unit }
    }

    /// The living operation that drains a machine.
    package func operation(draining machine: MachineID) -> OperationRecord? {
        livingOperations.first { $0.drained == machine }
    }
}
