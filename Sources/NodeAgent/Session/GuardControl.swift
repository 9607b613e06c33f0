// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import Logging
import Systemd

/// Keeps the guard running beside the agent, and tells it until when the session is proven.
///
/// The guard is a service of its own, so that systemd ends this machine's units when the agent is dead, frozen or starved.
actor GuardControl: MachineGuard {
    private let units: any UnitManager
    private let searchFolder: String
    private let runtimeDirectory: String
    private let executable: String
    /// Whether there is a guard at all.
    nonisolated let isEnabled: Bool
    private let logger: Logger
    private var feeder: GuardFeeder
    private var listed: [UnitName]?
    private var isComplaining = false
    /// The guard was started, or found running, and has not been found dead since.
    private var isUp = false

    /// How long a guard that was never fed lives: the agent's start, and the first answer of the store, take their time.
    private static let initialSeconds = 30

    init(
        units: any UnitManager, searchFolder: String, runtimeDirectory: String, executable: String, isEnabled: Bool,
        logger: Logger
    ) {
        self.units = units
        self.searchFolder = searchFolder
        self.runtimeDirectory = runtimeDirectory
        self.executable = executable
        self.isEnabled = isEnabled
        self.logger = logger
        feeder = GuardFeeder(path: GuardUnit.fifo(runtimeDirectory: runtimeDirectory))
    }

    /// Writes the guard's unit file and starts it; a guard that runs already is left alone, since units are bound to it.
    ///
    /// - Returns: Whether it ran. If not, units of a former run of the agent that were bound to it are dead.
    func prepare() async throws -> Bool {
        guard isEnabled else { return true }
        let text = try GuardUnit.text(
            executable: executable, runtimeDirectory: runtimeDirectory,
            controlGroups: ControlGroupTree.ofThisMachine().root, initialSeconds: Self.initialSeconds)
        let isNew = try HostFiles.keep(text, at: searchFolder + "/" + GuardUnit.defaultName)
        isUp = try await isRunning()
        guard !isUp else { return true }
        if isNew, try await units.properties(of: GuardUnit.defaultName).needDaemonReload { try await units.reload() }
        try await start()
        return false
    }

    private func isRunning() async throws -> Bool {
        try await units.listUnits(names: [GuardUnit.defaultName]).contains { $0.active == "active" }
    }

    private func start() async throws {
        // The guard starts only with a permit, which its end takes away: no bound unit can bring up a guard by itself.
        try HostFiles.write("", to: GuardUnit.permit(runtimeDirectory: runtimeDirectory), mode: 0o600)
        // The start limit must not stand in the way after a guard that fired; a unit that never failed refuses this.
        try? await units.resetFailedUnit(GuardUnit.defaultName)
        let result = try await units.startUnit(GuardUnit.defaultName)
        guard result == .done else {
            throw HostError(
                "the guard \(GuardUnit.defaultName) did not start (\(result)); see journalctl -u flotilla-guard")
        }
        isUp = true
    }

    /// The units may run until `deadline`.
    ///
    /// - Returns: `false` when the guard has fired, or died, since it was last fed: the units that it watched are dead.
    func feed(until deadline: Moment) async -> Bool {
        guard isEnabled else { return true }
        let command = GuardCommand.deadline(UInt64(max(0, deadline.nanoseconds)))
        do {
            if !isUp { try await start() }
            do {
                try feeder.send(command)
            } catch {
                guard try await isRunning() else {
                    isUp = false
                    return false
                }
                throw error
            }
            isComplaining = false
        } catch {
            // Without word from us the guard fires: units stop rather than run twice.
            if !isComplaining { logger.error("guard not reached", metadata: ["error": "\(error)"]) }
            isComplaining = true
        }
        return true
    }

    /// The units may run without end: nothing is fenced, or the fence has done its work.
    ///
    /// A dead guard needs no word.
    func disarm() {
        guard isEnabled, isUp else { return }
        do {
            try feeder.send(.disarm)
        } catch {
            // It has fired: the next session starts a new one, instead of taking its death for a second fence.
            isUp = false
            logger.debug("guard not disarmed", metadata: ["error": "\(error)"])
        }
    }

    /// Writes down which units die with the guard.
    ///
    /// Call before any of them is started.
    ///
    /// - Parameters:
    ///   - units: Their names.
    ///   - isProbe: Write it also when it says the same already, to see whether it can be written.
    /// - Throws: `HostError` when the list is not on disk; none of the units may be started then.
    func list(fenced units: [UnitName], isProbe: Bool) throws(HostError) {
        guard isEnabled, isProbe || units != listed else { return }
        let text = units.map { $0.rawValue + "\n" }.joined()
        let path = GuardUnit.fencedUnits(runtimeDirectory: runtimeDirectory)
        // What a former run of the agent wrote is as good, and a disk may be full by now.
        let isWritten = !isProbe && listed == nil && (try? HostFiles.read(path)) == text
        if !isWritten { try HostFiles.write(text, to: path, mode: 0o600) }
        listed = units
    }
}
