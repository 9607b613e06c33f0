// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Logging
import Registry
import Systemd
import Timing

/// Bringing unit files to systemd and taking them away, a batch at a time, with one reload for a batch at most.
extension AgentShell {
    /// A file that was written; `isNew` when none of its unit was there, `isReplacement` when systemd may know an earlier one.
    private typealias Written = (order: Order, file: InstalledFile, isReplacement: Bool, isNew: Bool)

    /// Fetches, writes, links and loads a batch; one unit's failure does not hold up the others.
    ///
    /// What came of it goes into `inbox` from here, in one go with the last look at the units: were it handed back first, a
    /// change of a unit could overtake the older word on it, which would then stand in the store for good.
    func install(_ orders: [Order], _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        let files: [ContentHash: UnitFile]
        do {
            files = try await registry.files(orders.map(\.assignment.hash)).files
        } catch {
            for event in refused(orders, error.message, .passing) { inbox.yield(event) }
            return
        }
        var events: [AgentEvent] = []
        var written: [Written] = []
        var wereLinked = false
        let there = Set(await folder.files().map(\.unit))
        let foreign: [UnitName: String]
        do {
            var strange: [UnitName] = []
            for unit in orders.map(\.unit) where !there.contains(unit) {
                if await !folder.hasStarted(unit) { strange.append(unit) }
            }
            foreign = try await foreignUnits(among: strange)
        } catch {
            for event in refused(orders, error.message, .passing) { inbox.yield(event) }
            return
        }
        for order in orders {
            var reason = foreign[order.unit]
            if reason == nil { reason = await hiding(order.unit) }
            if let reason {
                events += refused([order], reason, .lasting)
                continue
            }
            guard let file = files[order.assignment.hash] else {
                let reason = "unit file \(order.assignment.hash.short) is missing from the store or damaged"
                events += refused([order], reason, .passing)
                continue
            }
            do {
                // The links that the file in force asked for; the new one asks for its own.
                if try await folder.disable([order.unit]) { wereLinked = true }
                let (installed, isReplacement) = try await folder.write(file, for: order.unit)
                written.append((order, installed, isReplacement, !there.contains(order.unit)))
            } catch {
                note(error)
                events += refused([order], error.message, .standing)
            }
        }
        do {
            events += try await completions(among: written.map(\.file))
        } catch {
            // Not knowing whether its work is done, a unit must not be started.
            events += refused(written.map(\.order), error.message, .passing)
            written = []
        }
        do {
            // The guard learns of the units before any of them can start (rule R1).
            try await guardControl.list(fenced: await folder.fencedUnits())
        } catch {
            cannotGuard(error)
            for one in written { await takeAway(one) }
            events += refused(written.map(\.order), error.message, .passing)
            written = []
        }
        for event in events { inbox.yield(event) }
        await load(written, mustReload: wereLinked, inbox)
    }

    /// From one look at the folder to the next.
    private static let lookInterval = Duration.seconds(2)

    /// Looks for what somebody has removed of the units that lie here; until cancelled.
    func watchFolder(_ inbox: AsyncStream<AgentEvent>.Continuation) async {
        while (try? await clockwork.sleep(for: Self.lookInterval)) != nil {
            let (units, new) = await folder.damaged()
            guard !units.isEmpty else { continue }
            // What cannot be put back is found again at every other look.
            if !new.isEmpty {
                logger.warning(
                    "somebody has removed files or links of units; they are put back",
                    metadata: ["unit.names": "\(new.map(\.rawValue).joined(separator: " "))"])
            }
            inbox.yield(.damaged(units))
        }
    }

    /// Units that are up here before they have a file of ours, each with the reason why they are not taken over (rule R13): mounts,
    /// swaps and slices that systemd knows without any file, and what has lost its file.
    ///
    /// A slice is up as soon as something runs in it. It may be ours when all of that is ours.
    private func foreignUnits(among names: [UnitName]) async throws(SystemdError) -> [UnitName: String] {
        guard !names.isEmpty else { return [:] }
        let up = try await units.listUnits(names: names.map(\.rawValue)).filter {
            $0.active != "inactive" && $0.active != "failed"
        }
        // Hardly ever is one; systemd is asked nothing else then.
        guard !up.isEmpty else { return [:] }
        var found: [UnitName: String] = [:]
        let own = Set(await folder.files().map(\.unit.rawValue) + names.map(\.rawValue))
        let paths = try await units.fragmentPaths(of: up.map(\.name))
        for status in up {
            // Where the machine has a file, the refusal names it: see `UnitLinks.claim`.
            if let path = paths[status.name], await folder.exists(path) { continue }
            let unit = UnitName(unchecked: status.name)
            if unit.type == .slice {
                guard let stranger = try await units.members(ofSlice: status.name).first(where: { !own.contains($0) })
                else { continue }
                found[unit] =
                    "this machine runs \(stranger) in \(unit), which would end with it; give the slice another name"
            } else {
                found[unit] =
                    "this machine has \(unit) \(status.active) of its own, which is not taken over; give the unit another"
                    + " name, or end it there: systemctl stop \(unit)"
            }
        }
        return found
    }

    /// Why a mount is refused that would hide this program: systemd could start no other agent, nor its guard (rule R12).
    private func hiding(_ unit: UnitName) async -> String? {
        guard unit.type == .mount || unit.type == .automount else { return nil }
        return Self.hiding(unit, places: await folder.programPlaces())
    }

    /// Why a mount is refused that would hide one of `places`.
    static func hiding(_ unit: UnitName, places: [String]) -> String? {
        let place = unit.systemdText("%f").text
        guard let hidden = places.first(where: { $0 == place || $0.hasPrefix(place + "/") }) else { return nil }
        return "\(unit) would hide \(hidden), by which this machine is in the cluster; mount it elsewhere"
    }

    /// Makes systemd see the files.
    private func load(
        _ written: [Written], mustReload: Bool, _ inbox: AsyncStream<AgentEvent>.Continuation
    ) async {
        guard !written.isEmpty else { return }
        do {
            let replaced = written.filter(\.isReplacement).map(\.file.unit.rawValue)
            let mark = changeMark
            let loaded = try await load(written.map(\.file), replaced: Set(replaced), mustReload: mustReload)
            for one in written where loaded.refusals[one.file.unit] != nil { await takeAway(one) }
            // Before the word that they are installed, which starts them.
            inbox.yield(.observed(try await newest(loaded.statuses, since: mark).map { observation($0) }))
            for one in written {
                if let reason = loaded.refusals[one.file.unit] {
                    for event in refused([one.order], reason, .lasting) { inbox.yield(event) }
                } else {
                    inbox.yield(.installed(one.file))
                }
            }
        } catch {
            for event in refused(written.map(\.order), error.message, .passing) { inbox.yield(event) }
        }
    }

    /// Leaves nothing behind of a unit that systemd does not take; one that is there in another form keeps its file.
    private func takeAway(_ written: Written) async {
        guard written.isNew else { return }
        do {
            try await folder.disable([written.file.unit])
            try await folder.remove(written.file.unit)
        } catch {
            logger.warning(
                "unit file not removed", metadata: ["unit.name": "\(written.file.unit)", "error": "\(error.message)"])
        }
    }

    private func refused(_ orders: [Order], _ reason: String, _ fault: InstallFault) -> [AgentEvent] {
        logger.warning("units not installed", metadata: ["units": "\(orders.count)", "error": "\(reason)"])
        return orders.map { .installFailed($0.unit, reason: reason, fault) }
    }

    /// What the store holds of the ends of those units that run once.
    func completions(among files: [InstalledFile]) async throws(RegistryError) -> [AgentEvent] {
        let once = files.filter { $0.runs != .always }.map(\.unit)
        guard !once.isEmpty else { return [] }
        let found = try await registry.completions(of: once)
        tell(found.problems)
        return [.completed(found.completions, of: once)]
    }

    /// What systemd says of the units that it took, and why it did not take the others.
    typealias Loaded = (statuses: [UnitStatus], refusals: [UnitName: String])

    /// Makes systemd see new or changed files; reads all unit files again only when it would otherwise use an old one.
    ///
    /// A unit that cannot be linked, or whose name leads systemd to another file, is refused alone (rules R12 and R13).
    ///
    /// - Throws: `SystemdError` when systemd cannot be asked at all, or not now.
    func load(
        _ files: [InstalledFile], replaced: Set<String>, mustReload: Bool = false
    ) async throws(SystemdError) -> Loaded {
        guard !files.isEmpty else { return ([], [:]) }
        var refusals = try await link(files)
        let enabled = await folder.enable(files.filter { refusals[$0.unit] == nil })
        refusals.merge(enabled.refusals) { first, _ in first }
        let names = files.map(\.unit).filter { refusals[$0] == nil }.map(\.rawValue)
        var statuses = try await units.watch(names)
        // Links of [Install] sections take effect only when systemd reads its files again.
        var isStale = enabled.isChanged || mustReload
        if !isStale { isStale = try await needsReload(statuses, replaced: replaced) }
        if isStale {
            try await units.reload()
            statuses = try await units.listUnits(names: names)
        }
        let strangers = try await strangers(among: names, statuses)
        guard !strangers.isEmpty else { return (statuses, refusals) }
        await units.unwatch(strangers.keys.map(\.rawValue))
        refusals.merge(strangers) { first, _ in first }
        return (statuses.filter { strangers[UnitName(unchecked: $0.name)] == nil }, refusals)
    }

    /// Links the files; when systemd refuses a batch, each of them alone.
    private func link(_ files: [InstalledFile]) async throws(SystemdError) -> [UnitName: String] {
        var paths: [String] = []
        for file in files { paths.append(await folder.path(of: file.unit)) }
        do {
            _ = try await units.linkUnitFiles(paths, runtime: true, force: true)
            return [:]
        } catch {
            guard !error.isTransient else { throw error }
            guard files.count > 1 else { return [files[0].unit: error.message] }
        }
        var refusals: [UnitName: String] = [:]
        for file in files { refusals.merge(try await link([file])) { first, _ in first } }
        return refusals
    }

    /// The units that systemd has loaded from another file than ours, or knows by another name, each with that file.
    private func strangers(
        among names: [String], _ statuses: [UnitStatus]
    ) async throws(SystemdError) -> [UnitName: String] {
        var found: [UnitName: String] = [:]
        let known = Set(statuses.map(\.name))
        // A masked unit runs for nobody, and systemd says so of each order.
        let masked = Set(statuses.filter { $0.load == "masked" }.map(\.name))
        let paths = try await units.fragmentPaths(of: names)
        for name in names {
            let unit = UnitName(unchecked: name)
            if !known.contains(name), !statuses.isEmpty {
                found[unit] = "systemd on this machine knows \(name) as another unit's name"
            } else if !masked.contains(name), let path = paths[name], await !folder.isOurs(path, unit) {
                found[unit] = "this machine has a unit \(name) of its own, \(path), which is not replaced"
            }
        }
        return found
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
}
