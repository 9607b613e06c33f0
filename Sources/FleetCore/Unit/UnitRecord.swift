// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A unit as the user asked for it: one entry under `units/` in the store.
package struct UnitRecord: Hashable, Sendable {
    package var name: UnitName
    /// Which file it runs.
    package var hash: ContentHash
    package var target: TargetState
    /// Raised by each request to restart; a machine restarts the unit when its assignment carries a higher number than
    /// the one it acted on.
    package var restarts: Int
    /// Where it is to be placed as long as that machine takes it; an operation writes it.
    package var preferred: MachineID?
    /// When it was made; a unit that is destroyed and made anew is another one.
    package var created = Stamp()

    package init(name: UnitName, hash: ContentHash, target: TargetState, restarts: Int = 0, preferred: MachineID? = nil)
    {
        self.name = name
        self.hash = hash
        self.target = target
        self.restarts = restarts
        self.preferred = preferred
    }
}
