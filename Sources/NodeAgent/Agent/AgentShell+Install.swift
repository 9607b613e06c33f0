// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Logging
import Registry
import Systemd

/// Bringing unit files to systemd and taking them away, a batch at a time, with one reload for a batch at most.
extension AgentShell {
    private typealias Written = (order: Order, file: InstalledFile, isReplacement: Bool)

    /// Fetches, writes, links and loads a batch; one unit's failure does not hold up the others.
    ///
    /// What came of it goes into `inbox` from here, in one go with the last look at the units: were it handed back first, a
    /// change of a unit could overtake the older word on it, which would then stand in the store for good.
    func install(_ orders: [Order], _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        let files: [ContentHash: UnitFile]
        do {
            files = try await registry.files(orders.map(\.assignment.hash)).files
        } catch {
            for event in refused(orders, error.message, isTransient: true) { inbox.yield(event) }
            return
        }
        await unlinkInstalled(orders.map(\.unit))
        var events: [AgentEvent] = []
        var written: [Written] = []
        for order in orders {
            guard let file = files[order.assignment.hash] else {
                let reason = "unit file \(order.assignment.hash.short) is missing from the store or damaged"
                events += refused([order], reason, isTransient: true)
                continue
            }
            do {
                let (installed, isReplacement) = try await folder.write(file, for: order.unit)
                written.append((order, installed, isReplacement))
            } catch {
                events += refused([order], "\(error)", isTransient: true)
            }
        }
        do {
            events += try await completions(among: written.map(\.file))
        } catch {
            // Not knowing whether its work is done, a unit must not be started.
            events += refused(written.map(\.order), error.message, isTransient: true)
            written = []
        }
        for event in events { inbox.yield(event) }
        // The guard learns of the units before any of them can start.
        await guardControl.list(fenced: await folder.fencedUnits())
        await load(written, inbox)
    }

    /// Makes systemd see the files; when it refuses a batch, each of its units alone, so that the others get through.
    private func load(_ written: [Written], _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        guard !written.isEmpty else { return }
        do {
            let replaced = written.filter(\.isReplacement).map(\.file.unit.rawValue)
            let mark = changeMark
            let statuses = try await load(written.map(\.file), replaced: Set(replaced))
            // Before the word that they are installed, which starts them.
            inbox.yield(.observed(try await newest(statuses, since: mark).map { observation($0) }))
            for one in written { inbox.yield(.installed(one.file)) }
        } catch {
            guard written.count > 1, !error.isTransient else {
                for event in refused(written.map(\.order), error.message, isTransient: error.isTransient) {
                    inbox.yield(event)
                }
                return
            }
            for one in written { await load([one], inbox) }
        }
    }

    private func refused(_ orders: [Order], _ reason: String, isTransient: Bool) -> [AgentEvent] {
        logger.warning("units not installed", metadata: ["units": "\(orders.count)", "error": "\(reason)"])
        return orders.map { .installFailed($0.unit, reason: reason, isTransient: isTransient) }
    }

    /// What the store holds of the ends of those units that run once.
    func completions(among files: [InstalledFile]) async throws(RegistryError) -> [AgentEvent] {
        let once = files.filter { $0.runs != .always }.map(\.unit)
        guard !once.isEmpty else { return [] }
        let found = try await registry.completions(of: once)
        tell(found.problems)
        return [.completed(found.completions, of: once)]
    }

    /// Makes systemd see new or changed files; reads all unit files again only when it would otherwise use an old one.
    func load(_ files: [InstalledFile], replaced: Set<String>) async throws(SystemdError) -> [UnitStatus] {
        guard !files.isEmpty else { return [] }
        let names = files.map(\.unit.rawValue)
        var paths: [String] = []
        var installable: [String] = []
        for file in files {
            let path = await folder.path(of: file.unit)
            paths.append(path)
            if file.isInstallable { installable.append(path) }
        }
        _ = try await units.linkUnitFiles(paths, runtime: true, force: true)
        // Links that units are wanted by take effect only when systemd reads its files again.
        let links = installable.isEmpty ? [] : try await enable(installable)
        let statuses = try await units.watch(names)
        var isStale = !links.isEmpty
        if !isStale { isStale = try await needsReload(statuses, replaced: replaced) }
        guard isStale else { return statuses }
        try await units.reload()
        return try await units.listUnits(names: names)
    }

    /// Follows the files' `[Install]` sections; a unit that an operator has masked goes without, as does a bad section.
    private func enable(_ paths: [String]) async throws(SystemdError) -> [UnitFileChange] {
        do {
            return try await units.enableUnitFiles(paths, runtime: true, force: true)
        } catch {
            guard !error.isTransient else { throw error }
            guard paths.count == 1 else {
                var changes: [UnitFileChange] = []
                for path in paths { changes += try await enable([path]) }
                return changes
            }
            logger.warning("unit not enabled", metadata: ["unit.file": "\(paths[0])", "error": "\(error.message)"])
            return []
        }
    }

    /// systemd reads a new file by itself, but not a changed one of a unit that it has loaded.
    private func needsReload(
        _ statuses: [UnitStatus], replaced: Set<String>
    ) async throws(SystemdError) -> Bool {
        for status in statuses {
            if status.load == "not-found" { return true }
            guard replaced.contains(status.name) else { continue }
            if try await units.properties(of: status.name).needDaemonReload { return true }
        }
        return false
    }

    /// Removes the links that the `[Install]` sections of the files in force have asked for.
    ///
    /// - Returns: Whether there were any.
    @discardableResult
    private func unlinkInstalled(_ names: [UnitName]) async -> Bool {
        let installed = await folder.installable(names).map(\.rawValue)
        guard !installed.isEmpty else { return false }
        do {
            return try await !units.disableUnitFiles(installed, runtime: true).isEmpty
        } catch {
            logger.warning(
                "units not disabled", metadata: ["units": "\(installed)", "error": "\(error.message)"])
            return false
        }
    }

    func uninstall(_ names: [UnitName]) async -> AgentEvent {
        await units.unwatch(names.map(\.rawValue))
        let wereLinked = await unlinkInstalled(names)
        for name in names {
            do {
                try await units.resetFailedUnit(name.rawValue)
            } catch {
                // A unit that systemd has forgotten already is what we want.
                logger.trace("nothing to reset", metadata: ["unit.name": "\(name)", "error": "\(error.message)"])
            }
            do {
                try await folder.remove(name)
            } catch {
                logger.warning(
                    "unit file not removed", metadata: ["unit.name": "\(name)", "error": "\(error.message)"])
            }
        }
        if wereLinked {
            do {
                // Whoever required one of them would fail to start for want of a unit that nobody has any more.
                try await units.reload()
            } catch {
                logger.warning("systemd did not read its unit files again", metadata: ["error": "\(error.message)"])
            }
        }
        forget(names)
        await guardControl.list(fenced: await folder.fencedUnits())
        return .uninstalled(names)
    }
}
