// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Changes of the schedule that must happen together or not at all; the engine's plan is a list of these.
package struct ScheduleStep: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// Write `schedule/<machine>/<unit>`.
        case assign(Assignment)
        /// Delete `schedule/<machine>/<unit>`.
        case withdraw(MachineID, UnitName)
    }

    package var unit: UnitName
    package var changes: [Change]
    /// The step holds only while this machine has no record: it takes over what a lost machine ran (rule R1).
    package var absent: MachineID?
    /// The unit is gone that the step withdraws: what is written of its work goes with it, so that it counts for no later
    /// unit of that name.
    package var endsUnit: Bool
    /// Why, in words that an operator understands.
    package var reason: String

    package init(unit: UnitName, changes: [Change], absent: MachineID? = nil, endsUnit: Bool = false, reason: String) {
        self.unit = unit
        self.changes = changes
        self.absent = absent
        self.endsUnit = endsUnit
        self.reason = reason
    }
}
