// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The unit files that this agent put on its machine, with their links and drop-ins, and the notes of which of them it has started.
///
/// `UnitFolder` has them on the machine's disk.
package protocol UnitFiles: Sendable {
    /// The units whose files lie here, and those that were started and have lost theirs, by name.
    func files() async -> [InstalledFile]

    /// What lies here for one unit.
    func file(of unit: UnitName) async -> InstalledFile?

    /// The units that must be dead before the session may end, by name.
    func fencedUnits() async -> [UnitName]

    /// Where the file of a unit lies, or would.
    func path(of unit: UnitName) async -> String

    /// Whether a path by which systemd has loaded `unit` is the file here, or systemd's link to it.
    func isOurs(_ fragment: String, _ unit: UnitName) async -> Bool

    /// Whether there is anything of that path on the machine, be it a link that leads nowhere.
    func exists(_ path: String) async -> Bool

    /// The paths by which the kernel comes to this program: those by which it was started, each link on the way, and itself.
    func programPlaces() async -> [String]

    /// Notes from which file a unit is about to be started, or that it is stopped, for the next run of the agent.
    ///
    /// - Throws: `HostError` when the note is not on disk; the unit may not be started then.
    func note(_ unit: UnitName, started hash: ContentHash?) async throws(HostError)

    /// Whether an agent of this boot has started the unit and not stopped it since, whatever became of its file.
    func hasStarted(_ unit: UnitName) async -> Bool

    /// Takes up a unit that runs here for its claim's sake and of which neither file nor note are left.
    func takeUp(_ unit: UnitName, hash: ContentHash) async

    /// Writes the file of one unit with its drop-in.
    ///
    /// - Returns: What lies there now, and whether it took the place of a file that systemd may have loaded.
    /// - Throws: `HostError`, also for a name that the machine has a unit of its own by; nothing is changed then.
    func write(
        _ file: UnitFile, for unit: UnitName
    ) async throws(HostError) -> (file: InstalledFile, isReplacement: Bool)

    /// Writes the drop-ins anew that are gone, or are another version's.
    ///
    /// - Returns: Whether there were any: systemd has to read its files again then.
    func renewDropIns() async throws(HostError) -> Bool

    /// Makes the links that the units' `[Install]` sections ask for.
    ///
    /// - Returns: Whether there is a new one, and why units could not have theirs.
    func enable(_ files: [InstalledFile]) async -> (isChanged: Bool, refusals: [UnitName: String])

    /// Removes the links that the `[Install]` sections of the files in force have asked for.
    ///
    /// - Returns: Whether there were any.
    @discardableResult
    func disable(_ units: [UnitName]) async throws(HostError) -> Bool

    /// Takes the unit's links away, by which systemd finds it; its file stays, for an agent that begins anew to find.
    ///
    /// - Returns: Whether its `[Install]` section had any.
    /// - Throws: `HostError` when a link cannot be removed.
    func hide(_ unit: UnitName) async throws(HostError) -> Bool

    /// Deletes what `write` made, and systemd's link to it; what is not ours stays.
    func remove(_ unit: UnitName) async throws(HostError)

    /// Looks for units whose file, drop-in or link somebody has removed.
    ///
    /// - Returns: Those that lacked something twice in a row, by name; and those among them that have been whole before.
    func damaged() async -> (units: [UnitName], new: [UnitName])

    /// Whether somebody has removed the unit's file, or the link by which systemd finds it.
    func isMissing(_ unit: UnitName) async -> Bool

    /// Tries whether all that a new unit needs can be written.
    ///
    /// - Throws: `HostError`, with `.scarce` where small files fit and a large one does not.
    func probe() async throws(HostError)
}
