// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Something that happened to systemd or to the units that are watched.
package enum UnitChange: Hashable, Sendable {
    /// A watched unit changed its load, active or sub state or its job; never sent twice for the same status.
    case unitChanged(UnitStatus)
    /// A job of a watched unit, or one that was queued through this manager, is gone.
    case jobRemoved(unit: String, path: String, result: JobResult)
    /// systemd has begun (`true`) or finished (`false`) to read all unit files again.
    case reloading(Bool)
    /// The connection is down, and calls fail with transient errors until it is back.
    case disconnected(SystemdError)
    /// The connection is back; changes that were missed follow as `unitChanged`.
    case reconnected
}

/// What the agent needs of the machine's systemd.
///
/// Every operation throws `SystemdError`, with `isTransient` set where the same call may succeed later. None of them
/// reloads unit files on its own: `reload()` costs seconds with a thousand units.
package protocol UnitManager: Sendable {
    /// Makes unit files from outside the search path known, as links.
    ///
    /// - Parameters:
    ///   - paths: Absolute paths of unit files.
    ///   - runtime: Until the next boot only.
    ///   - force: Replace links of the same name.
    /// - Returns: The links that were made; none for files that were linked already.
    /// - Throws: `noSuchUnit` for a path without a file, `fileExists`, `accessDenied`, and what every call may throw.
    func linkUnitFiles(_ paths: [String], runtime: Bool, force: Bool) async throws(SystemdError) -> [UnitFileChange]
    /// Loads the unit unless it is loaded; a missing file is no error but a load state.
    func loadUnit(_ name: String) async throws(SystemdError)
    /// Queues a job and returns as soon as systemd has accepted it; the job's result can be awaited later.
    ///
    /// - Throws: `noSuchUnit`, `masked`, `badUnitSetting`, `loadFailed`, `refused`, `conflict`, and what every call may throw.
    func queue(_ operation: UnitOperation, _ name: String, mode: JobMode) async throws(SystemdError) -> UnitJob
    /// Sends a signal to processes of the unit.
    func killUnit(_ name: String, who: KillTarget, signal: Int32) async throws(SystemdError)
    /// Makes `failed` into `inactive` and forgets the start-limit counter.
    func resetFailedUnit(_ name: String) async throws(SystemdError)
    /// Reads all unit files again (`daemon-reload`); 1.6 s with 1,100 units.
    func reload() async throws(SystemdError)
    /// The loaded units that match one of the shell patterns, all loaded ones for an empty list.
    func listUnits(patterns: [String]) async throws(SystemdError) -> [UnitStatus]
    /// The units of these names, loaded or not, in no particular order; names that cannot be names are left out.
    func listUnits(names: [String]) async throws(SystemdError) -> [UnitStatus]
    /// From which file systemd has loaded each of these units; names without a file are left out.
    func fragmentPaths(of names: [String]) async throws(SystemdError) -> [String: String]
    /// The units that run in a slice, or would.
    func members(ofSlice name: String) async throws(SystemdError) -> [String]
    /// What came of the unit's last start, whose job ended with `result`.
    func startReport(of name: String, after result: JobResult) async throws(SystemdError) -> StartReport
    /// Whether systemd leaves processes of the unit behind when it stops it, and starts new ones beside them when it restarts it:
    /// `KillMode=`, `SendSIGKILL=` of its file and of all drop-ins (systemd.kill(5)).
    func leavesProcesses(of name: String) async throws(SystemdError) -> Bool
    /// What `UnitProperties` lists; loads the unit if it is not loaded.
    func properties(of name: String) async throws(SystemdError) -> UnitProperties
    /// Reports changes of these units from now on, through `changes()`; answers how they are now.
    func watch(_ units: [String]) async throws(SystemdError) -> [UnitStatus]
    /// Ends the reports on these units.
    func unwatch(_ units: [String]) async
    /// A stream of its own for each caller, from now on, without limit to what it stores; ends with the manager.
    func changes() async -> AsyncStream<UnitChange>
}

/// Which processes of a unit a signal goes to.
package enum KillTarget: String, Hashable, Sendable, CaseIterable {
    case main
    case control
    case all
}

extension UnitManager {
    /// Queues a job and waits for its end.
    package func run(
        _ operation: UnitOperation, _ name: String, mode: JobMode = .replace
    ) async throws(SystemdError) -> JobResult {
        try await queue(operation, name, mode: mode).result()
    }

    package func startUnit(_ name: String, mode: JobMode = .replace) async throws(SystemdError) -> JobResult {
        try await run(.start, name, mode: mode)
    }

    package func stopUnit(_ name: String, mode: JobMode = .replace) async throws(SystemdError) -> JobResult {
        try await run(.stop, name, mode: mode)
    }

    package func restartUnit(_ name: String, mode: JobMode = .replace) async throws(SystemdError) -> JobResult {
        try await run(.restart, name, mode: mode)
    }

    package func reloadOrRestart(_ name: String, mode: JobMode = .replace) async throws(SystemdError) -> JobResult {
        try await run(.reloadOrRestart, name, mode: mode)
    }
}
