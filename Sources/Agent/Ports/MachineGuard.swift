// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What stops this machine's units when the agent is dead, frozen or starved.
///
/// `GuardControl` has it as a service of its own beside the agent.
package protocol MachineGuard: Sendable {
    /// The units may run until `deadline`.
    ///
    /// - Returns: `false` when the guard has fired, or died, since it was last fed: the units that it watched are dead.
    func feed(until deadline: Moment) async -> Bool

    /// The units may run without end: nothing is fenced, or the fence has done its work.
    func disarm() async

    /// Writes down which units die with the guard; to be called before any of them is started.
    ///
    /// - Parameters:
    ///   - units: Their names.
    ///   - isProbe: Write it also when it says the same already, to see whether it can be written.
    /// - Throws: `HostError` when the list is not on disk; none of the units may be started then.
    func list(fenced units: [UnitName], isProbe: Bool) async throws(HostError)
}

extension MachineGuard {
    /// Writes down which units die with the guard, unless that is what is written already.
    func list(fenced units: [UnitName]) async throws(HostError) { try await list(fenced: units, isProbe: false) }
}
