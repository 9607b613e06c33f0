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
    /// When it was last written.
    package var written = Stamp()

    package init(machine: MachineID, unit: UnitName, hash: ContentHash, target: TargetState, restarts: Int = 0) {
        self.machine = machine
        self.unit = unit
        self.hash = hash
        self.target = target
        self.restarts = restarts
    }
}

extension Assignment {
    /// Whether it was given for a unit that was destroyed before `unit`, of the same name, was made.
    func isForPredecessor(of unit: UnitRecord) -> Bool {
        written.revision != 0 && written.revision < unit.created.revision
    }
}
