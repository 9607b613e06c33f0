// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the user wants of a unit, in rising order.
package enum TargetState: String, Hashable, Comparable, Sendable, CaseIterable {
    /// Known to the cluster, on no machine.
    case inactive
    /// Placed on a machine, its file loaded by systemd there, not started.
    case loaded
    /// Placed, loaded and started.
    case launched

    private var rank: Int {
        switch self {
        case .inactive: 0
        case .loaded: 1
        case .launched: 2
        }
    }

    package static func < (left: TargetState, right: TargetState) -> Bool { left.rank < right.rank }
}
