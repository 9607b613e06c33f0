// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The leader takes over from no machine: so many vanished at once that rather the view of them is lost than they (rule R10).
///
/// The leader writes it to the key `brake` and deletes it when the machines are back; an operator may delete it before.
package struct Brake: Hashable, Sendable, CustomStringConvertible {
    /// Machines that vanished, by id: those that set it off and all that followed.
    package var lost: [MachineID]
    /// How many machines there were, the lost ones among them.
    package var seen: Int
    /// Within how many seconds they vanished.
    package var window: Int
    /// When it was set, in milliseconds since 1970 by the leader's clock; 0 when not known yet.
    package var since: Int64

    package init(lost: [MachineID], seen: Int, window: Int, since: Int64 = 0) {
        self.lost = lost
        self.seen = seen
        self.window = window
        self.since = since
    }

    /// The share of all machines, in hundredths, from which on the view is suspected.
    ///
    /// More than half, so that losing one of two machines is a loss like any other; and one machine alone never counts.
    ///
    /// - Source: DESIGN section 4, rule R10.
    package static let share = 55

    package static func holds(_ lost: Int, of seen: Int) -> Bool { lost > 1 && lost * 100 >= share * seen }

    package var description: String {
        "brake: \(lost.count) of \(seen) machines vanished within \(window) s; nothing is moved until they return or "
            + "`cluster-manager brake release`"
    }
}
