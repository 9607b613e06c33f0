// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the leader writes of one operation, in one transaction: all of it or nothing.
///
/// It holds only while the head is as it was read, and the writer leads.
package struct OperationWrite: Hashable, Sendable {
    /// The head as it is to be; its `modified` says which one it replaces.
    package var head: OperationRecord
    /// Waves that end or begin with it.
    package var waves: [OperationWave]
    /// Units that get a preferred machine, by name.
    package var preferences: [Preference]
    /// A machine that stays cordoned and hands over nothing more.
    package var cordoned: MachineID?

    /// A machine that a unit is to prefer.
    package struct Preference: Hashable, Sendable {
        package var unit: UnitName
        package var machine: MachineID

        package init(_ unit: UnitName, _ machine: MachineID) {
            self.unit = unit
            self.machine = machine
        }
    }

    package init(
        _ head: OperationRecord, waves: [OperationWave] = [], preferences: [Preference] = [], cordoned: MachineID? = nil
    ) {
        self.head = head
        self.waves = waves
        self.preferences = preferences
        self.cordoned = cordoned
    }

    /// The same operation, paused since the store would not take this: nothing else of it is written.
    package func refused(_ reason: String) -> OperationWrite {
        var head = head
        head.state = .paused
        head.reason = reason
        // The wave that this would have begun is not there.
        head.wave -= waves.contains { $0.number == head.wave && $0.open != nil } ? 1 : 0
        return OperationWrite(head)
    }
}
