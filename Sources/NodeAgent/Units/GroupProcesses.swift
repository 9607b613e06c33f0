// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import Systemd
import Timing

/// Sees to it that no process is left in a unit's control group, whatever systemd makes of the unit (rule R1).
///
/// File work happens on a thread of its own, never on the pool that serves the session.
actor GroupProcesses: UnitProcesses {
    private let thread = FileExecutor(label: "flotilla.unit-processes")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let tree: ControlGroupTree
    private let clockwork = MachineClockwork()

    init(tree: ControlGroupTree) { self.tree = tree }

    /// From one look at what was killed to the next.
    private static let interval = Duration.milliseconds(20)

    /// Kills what is left of units that systemd says are down, and waits for its end.
    ///
    /// - Parameters:
    ///   - units: Their names.
    ///   - patience: How long to wait; a process that the kernel keeps in a device outlives SIGKILL.
    /// - Returns: The units that still have a living process then, by name.
    func end(_ units: [String], patience: Duration) async -> [String] {
        let deadline = clockwork.now + patience
        var left = tree.living(of: Set(units))
        while !left.isEmpty {
            tree.kill(Set(left))
            await clockwork.sleep(until: clockwork.now + Self.interval)
            left = tree.living(of: Set(left))
            if clockwork.now >= deadline { return left }
        }
        return []
    }
}
