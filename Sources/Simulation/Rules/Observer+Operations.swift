// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What operations write down, beside what the cluster has shown.
extension Observer {
    /// Steps that were begun, and where units have come to rest since.
    struct Steps {
        /// By wave: at which revision it was begun.
        var begun: [StoreKey: Int64] = [:]
        /// By unit and machine: at which revision the store last showed the unit at rest there.
        var settled: [Int: [Int: Int64]] = [:]
    }

    /// A step has ended well only when its unit has come to rest where it went, since the step was begun (rule R15: the next unit
    /// leaves when it has).
    func checkSteps(_ commit: StoreCommit) {
        for change in commit.changes where change.key.kind == .state || change.key.kind == .schedule {
            guard change.entry != nil, isSettled(change.key.subject, on: change.key.machine) else { continue }
            steps.settled[change.key.subject, default: [:]][change.key.machine] = commit.revision
        }
        for change in commit.changes {
            guard change.key.kind == .wave, let entry = change.entry, case .wave(let wave) = entry.value else {
                continue
            }
            if entry.created == entry.modified { steps.begun[change.key] = commit.revision }
            for step in wave.steps where step.result == .done {
                guard let home = step.to, let begun = steps.begun[change.key] else { continue }
                let host = world.hostIndex(of: home)
                let unit = world.catalogue.unitIndex(of: step.unit)
                guard (steps.settled[unit]?[host] ?? 0) <= begun else { continue }
                violate(
                    .r15,
                    "the step of \(step.unit) to \(world.catalogue.name(ofHost: host)) ends as done before it is up there"
                )
            }
        }
    }
}
