// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// Packs schedule steps into transactions.
///
/// A step is never split. Transactions of one wave may be in flight together and be committed in any order, so no key is
/// written twice in a wave: a step that writes a key anew begins the next one.
struct SchedulePacker {
    private(set) var waves: [[[ScheduleStep]]] = []
    private var batch: [ScheduleStep] = []
    private var wave: [[ScheduleStep]] = []
    private var operations = 0
    private var absent: Set<MachineID> = []
    private var written: Set<ScheduleKey> = []

    private struct ScheduleKey: Hashable {
        var machine: MachineID
        var unit: UnitName

        init(_ change: ScheduleStep.Change) {
            switch change {
            case .assign(let assignment): (machine, unit) = (assignment.machine, assignment.unit)
            case .withdraw(let machine, let unit): (self.machine, self.unit) = (machine, unit)
            }
        }
    }

    /// - Throws: `.invalid` for a step that does not fit into one transaction, or that writes one key twice.
    init(_ steps: [ScheduleStep]) throws(RegistryError) {
        for step in steps where !step.changes.isEmpty { try add(step) }
        closeWave()
    }

    private mutating func add(_ step: ScheduleStep) throws(RegistryError) {
        let touched = Set(step.changes.map { ScheduleKey($0) })
        guard touched.count == step.changes.count, step.operations <= Transaction.operationLimit else {
            throw RegistryError(
                code: .invalid,
                message: "step for unit \(step.unit) has \(step.changes.count) changes of \(touched.count) entries; "
                    + "it may have \(Transaction.operationLimit), each of an entry of its own")
        }
        if !written.isDisjoint(with: touched) { closeWave() }
        // One comparison is the leader's.
        let guards = absent.union(step.absent.map { [$0] } ?? []).count + 1
        if operations + step.operations > Transaction.operationLimit || guards > Transaction.operationLimit {
            closeBatch()
        }
        batch.append(step)
        operations += step.operations
        written.formUnion(touched)
        if let machine = step.absent { absent.insert(machine) }
    }

    private mutating func closeBatch() {
        if !batch.isEmpty { wave.append(batch) }
        batch = []
        operations = 0
        absent = []
    }

    private mutating func closeWave() {
        closeBatch()
        if !wave.isEmpty { waves.append(wave) }
        wave = []
        written = []
    }
}

extension ScheduleStep {
    /// How many operations of a transaction it takes.
    fileprivate var operations: Int { changes.count + (endsUnit ? 1 : 0) }
}
