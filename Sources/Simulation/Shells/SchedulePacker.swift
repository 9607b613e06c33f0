// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Packs schedule steps into transactions, and these into waves; mirrors `SchedulePacker.swift` of the registry.
///
/// The limit is a run's own, far below etcd's, so that small clusters have many transactions in flight as well.
struct SchedulePacker {
    private struct Place: Hashable {
        var machine: MachineID
        var unit: UnitName
    }

    private(set) var waves: [[[ScheduleStep]]] = []
    private let limit: Int
    private var batch: [ScheduleStep] = []
    private var wave: [[ScheduleStep]] = []
    private var operations = 0
    private var written: Set<Place> = []

    init(_ steps: [ScheduleStep], limit: Int) {
        self.limit = limit
        for step in steps where !step.changes.isEmpty { add(step) }
        closeWave()
    }

    private mutating func add(_ step: ScheduleStep) {
        let touched = Set(step.changes.map { Place(machine: $0.machine, unit: step.unit) })
        if !written.isDisjoint(with: touched) { closeWave() }
        if operations + step.changes.count > limit { closeBatch() }
        batch.append(step)
        operations += step.changes.count
        written.formUnion(touched)
    }

    private mutating func closeBatch() {
        if !batch.isEmpty { wave.append(batch) }
        batch = []
        operations = 0
    }

    private mutating func closeWave() {
        closeBatch()
        if !wave.isEmpty { waves.append(wave) }
        wave = []
        written = []
    }
}
