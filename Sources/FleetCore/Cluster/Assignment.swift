// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The leader's decision "this unit on that machine in that state": one entry under `schedule/`.
package struct Assignment: Hashable, Sendable {
    package var machine: MachineID
    package var unit: UnitName
    package var hash: ContentHash
    /// `.loaded` or `.launched`; an `.inactive` unit has no assignment.
    package var target: TargetState
    package var restarts: Int

    package init(machine: MachineID, unit: UnitName, hash: ContentHash, target: TargetState, restarts: Int = 0) {
        self.machine = machine
        self.unit = unit
        self.hash = hash
        self.target = target
        self.restarts = restarts
    }
}
