// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Logging
import Systemd

/// Taking units away from systemd, so that nothing of them runs and nothing can start them again.
extension AgentShell {
    /// How long the end of a unit waits for processes that outlive SIGKILL before it says so.
    static let patience = Duration.seconds(2)
    static let leftover = "processes of it are left in its control group and do not end, not even by SIGKILL"

    /// Stops a unit and waits until it is down, however long its own time-out lets it take.
    func stop(_ unit: UnitName) async -> AgentEvent {
        do {
            _ = try await units.stopUnit(unit.rawValue)
            logger.info("unit stopped", metadata: ["unit.name": "\(unit)"])
            let statuses = try await units.listUnits(names: [unit.rawValue])
            guard statuses.allSatisfy({ observation($0).isDown }) else {
                return .runsAgain(unit, reason: UnitState.revivedWords)
            }
        } catch  where error.code == .noSuchUnit {
            logger.trace("nothing to stop", metadata: ["unit.name": "\(unit)"])
        } catch {
            logger.warning("unit not stopped", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
            return .stopFailed(unit, reason: error.message)
        }
        guard await processes.end([unit.rawValue], patience: Self.patience).isEmpty else {
            return .stopFailed(unit, reason: Self.leftover)
        }
        do {
            try await folder.note(unit, started: nil)
        } catch {
            // The unit is down all the same; the next run takes it for started, and starts it only if it is ordered.
            logger.warning("note not removed", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
        }
        return .stopped(unit)
    }

    /// Takes units away: their links, what is left of their processes, their files.
    ///
    /// They were stopped. But as long as systemd knows a unit's file, whatever refers to it (its path, socket or timer, a unit that
    /// wants it) may start it again, and what runs then would run without file, drop-in and guard, known to nobody (rule R1). So its
    /// links go first, systemd forgets the file, and only then the last look counts.
    func uninstall(_ names: [UnitName], _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        await units.unwatch(names.map(\.rawValue))
        var wereEnabled = false
        var hidden: [UnitName] = []
        for name in names {
            do {
                if try await folder.hide(name) { wereEnabled = true }
                hidden.append(name)
            } catch {
                notUninstalled(name, error.message, inbox)
            }
        }
        let revived: [UnitName]
        do {
            revived = try await forgetFiles(of: hidden, mustReload: wereEnabled)
        } catch {
            for name in hidden { notUninstalled(name, error.message, inbox) }
            return
        }
        await remove(hidden.filter { !revived.contains($0) }, inbox)
        guard !revived.isEmpty else { return }
        // Whatever these take to stop holds up no other.
        await withDiscardingTaskGroup { group in
            for name in revived {
                logger.warning("unit was started again while it is taken away", metadata: ["unit.name": "\(name)"])
                group.addTask { _ = try? await self.units.stopUnit(name.rawValue) }
            }
        }
        do {
            let up = try await running(among: revived)
            for name in up { notUninstalled(name, "it runs, and systemd does not stop it", inbox) }
            await remove(revived.filter { !up.contains($0) }, inbox)
        } catch {
            for name in revived { notUninstalled(name, error.message, inbox) }
        }
    }

    /// The units that run, or are about to.
    func running(among names: [UnitName]) async throws(SystemdError) -> [UnitName] {
        let statuses = try await units.listUnits(names: names.map(\.rawValue))
        let up = Set(statuses.filter { !observation($0).isDown }.map(\.name))
        return names.filter { up.contains($0.rawValue) }
    }

    /// Lets systemd forget the files of units whose links are gone.
    ///
    /// With `mustReload` others referred to them by links that were removed, too: who required one of them would fail to start for
    /// want of a unit that nobody has any more.
    ///
    /// - Returns: The units that run, or are about to.
    /// - Throws: What systemd's manager throws.
    private func forgetFiles(of names: [UnitName], mustReload: Bool) async throws(SystemdError) -> [UnitName] {
        guard !names.isEmpty else { return [] }
        for name in names { try? await units.resetFailedUnit(name.rawValue) }
        let statuses = try await units.listUnits(names: names.map(\.rawValue))
        // What nothing refers to is forgotten by now, and a reload takes seconds with a thousand units.
        if mustReload || statuses.contains(where: { $0.load == "loaded" }) { try await units.reload() }
        return try await running(among: names)
    }

    /// Removes the files of units that cannot be started any more, when the last of their processes is gone.
    private func remove(_ names: [UnitName], _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        guard !names.isEmpty else { return }
        // As long as a process lives, the unit runs here, and nobody else may run it.
        let alive = Set(await processes.end(names.map(\.rawValue), patience: Self.patience))
        var gone: [UnitName] = []
        for name in names {
            guard !alive.contains(name.rawValue) else {
                notUninstalled(name, Self.leftover, inbox)
                continue
            }
            do {
                try await folder.remove(name)
                gone.append(name)
            } catch {
                notUninstalled(name, error.message, inbox)
            }
        }
        forget(gone)
        do {
            try await guardControl.list(fenced: await folder.fencedUnits())
        } catch {
            // It names units that are gone, which the guard then finds dead; the next list leaves them out.
            logger.warning("list of fenced units not written", metadata: ["error": "\(error.message)"])
        }
        inbox.yield(.uninstalled(gone))
    }

    private func notUninstalled(
        _ name: UnitName, _ reason: String, _ inbox: AsyncStream<AgentEvent>.Continuation
    ) {
        logger.error("unit not taken away", metadata: ["unit.name": "\(name)", "error": "\(reason)"])
        inbox.yield(.uninstallFailed(name, reason: reason))
    }
}
