// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The processes of units, as the kernel knows them.
package protocol UnitProcesses: Sendable {
    /// Kills what is left of units that systemd says are down, and waits for its end.
    ///
    /// - Parameters:
    ///   - units: Their names.
    ///   - patience: How long to wait; a process that the kernel keeps in a device outlives SIGKILL.
    /// - Returns: The units that still have a living process then, by name.
    func end(_ units: [String], patience: Duration) async -> [String]
}
