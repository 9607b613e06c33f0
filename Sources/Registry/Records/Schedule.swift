// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// What the leader has decided: which unit on which machine, and how far.
    package static let schedule = RecordKind<PlacedUnit, TargetEntry>(
        "schedule/<machine>/<unit>", lease: .none, agents: [.read(.own)], backup: .left,
        events: RecordEvents(
            put: { (placed, value, entry) in
                var assignment = value.assignment(placed.machine, placed.unit)
                assignment.written = Stamp(entry.modRevision)
                return .assignmentPut(assignment)
            }, gone: { .assignmentGone($0.machine, $0.unit) }))
}

extension RegistryKeys {
    package var schedule: KeySelector { all(Records.schedule) }
    package func assignment(_ machine: MachineID, _ unit: UnitName) -> String {
        key(Records.schedule, PlacedUnit(machine, unit))
    }
    package func assignments(of machine: MachineID) -> KeySelector {
        .prefix("\(prefix)\(Records.schedule.folder)/\(machine.rawValue)/")
    }
}
