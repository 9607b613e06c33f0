// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Logging
import Registry
import Systemd

/// One function per directive of `AgentCore`; each says as an event what came of it.
extension AgentShell {
    func claim(_ orders: [Order], _ tenure: Tenure) async -> AgentEvent {
        let claims = orders.map { order in
            Claim(
                StoredAssignment(order.assignment, modRevision: order.revision),
                state: UnitState(machine: machine, unit: order.unit, hash: order.assignment.hash))
        }
        do {
            let granted = try await registry.claim(claims, in: tenure)
            var states: [UnitState] = []
            var lost: [Order] = []
            for ((order, claim), revision) in zip(zip(orders, claims), granted) {
                if revision == nil { lost.append(order) } else { states.append(claim.state) }
            }
            return .claimed(granted: states, lost: lost)
        } catch {
            logger.warning("units not claimed", metadata: ["units": "\(orders.count)", "error": "\(error.message)"])
            return .claimFailed(orders.map(\.unit))
        }
    }

    func publish(_ states: [UnitState], _ tenure: Tenure) async -> AgentEvent {
        do {
            _ = try await registry.publish(states, in: tenure)
            return .published(states)
        } catch {
            logger.debug("states not published", metadata: ["error": "\(error.message)"])
            return .publishFailed
        }
    }

    func withdraw(_ names: [UnitName], _ tenure: Tenure) async -> AgentEvent {
        do {
            try await registry.withdrawStates(names, in: tenure)
            return .withdrawn(names)
        } catch {
            logger.debug("states not withdrawn", metadata: ["error": "\(error.message)"])
            return .withdrawFailed(names)
        }
    }

    /// Fetches, writes, links and loads a batch; one unit's failure does not hold up the others.
    ///
    /// What came of it goes into `inbox` from here, in one go with the last look at the units: were it handed back first, a
    /// change of a unit could overtake the older word on it, which would then stand in the store for good.
    func install(_ orders: [Order], _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        for event in await installing(orders) { inbox.yield(event) }
    }

    private func installing(_ orders: [Order]) async -> [AgentEvent] {
        func failed(_ orders: [Order], _ reason: String, isTransient: Bool) -> [AgentEvent] {
            logger.warning("units not installed", metadata: ["units": "\(orders.count)", "error": "\(reason)"])
            return orders.map { .installFailed($0.unit, reason: reason, isTransient: isTransient) }
        }
        let files: [ContentHash: UnitFile]
        do {
            files = try await registry.files(orders.map(\.assignment.hash)).files
        } catch {
            return failed(orders, error.message, isTransient: true)
        }
        var events: [AgentEvent] = []
        var written: [(order: Order, file: InstalledFile)] = []
        var replaced: Set<String> = []
        for order in orders {
            guard let file = files[order.assignment.hash] else {
                let reason = "unit file \(order.assignment.hash.short) is missing from the store or damaged"
                events += failed([order], reason, isTransient: true)
                continue
            }
            do {
                let (installed, isReplacement) = try await folder.write(file, for: order.unit)
                written.append((order, installed))
                if isReplacement { replaced.insert(order.unit.rawValue) }
            } catch {
                events += failed([order], "\(error)", isTransient: true)
            }
        }
        do {
            let mark = changeMark
            let statuses = try await load(written.map(\.file.unit), replaced: replaced)
            await guardControl.list(fenced: await folder.fencedUnits())
            // Before the word that they are installed, which starts them.
            events.append(.observed(try await newest(statuses, since: mark).map { observation($0) }))
            events += written.map { .installed($0.file) }
        } catch {
            events += failed(written.map(\.order), "\(error)", isTransient: true)
        }
        return events
    }

    /// Makes systemd see new or changed files; reads all unit files again only when it would otherwise use an old one.
    func load(_ names: [UnitName], replaced: Set<String>) async throws -> [UnitStatus] {
        guard !names.isEmpty else { return [] }
        var paths: [String] = []
        for name in names { paths.append(await folder.path(of: name)) }
        _ = try await units.linkUnitFiles(paths, runtime: true, force: true)
        let statuses = try await units.watch(names.map(\.rawValue))
        guard try await needsReload(statuses, replaced: replaced) else { return statuses }
        try await units.reload()
        return try await units.listUnits(names: names.map(\.rawValue))
    }

    /// systemd reads a new file by itself, but not a changed one of a unit that it has loaded.
    private func needsReload(_ statuses: [UnitStatus], replaced: Set<String>) async throws -> Bool {
        for status in statuses {
            if status.load == "not-found" { return true }
            guard replaced.contains(status.name) else { continue }
            if try await units.properties(of: status.name).needDaemonReload { return true }
        }
        return false
    }

    func uninstall(_ names: [UnitName]) async -> AgentEvent {
        await units.unwatch(names.map(\.rawValue))
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
        forget(names)
        await guardControl.list(fenced: await folder.fencedUnits())
        return .uninstalled(names)
    }

    /// Orders a start or restart; what comes of it shows in the unit's state.
    func issue(_ operation: UnitOperation, _ unit: UnitName) async -> AgentEvent {
        do {
            _ = try await units.queue(operation, unit.rawValue, mode: .replace)
            logger.info("unit \(operation.rawValue) issued", metadata: ["unit.name": "\(unit)"])
            return .issued(unit)
        } catch {
            logger.warning(
                "unit \(operation.rawValue) refused", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
            return error.isTransient ? .issueFailed(unit) : .issued(unit)
        }
    }

    /// Stops a unit and waits until it is down, however long its own time-out lets it take.
    func stop(_ unit: UnitName) async -> AgentEvent {
        do {
            _ = try await units.stopUnit(unit.rawValue)
            logger.info("unit stopped", metadata: ["unit.name": "\(unit)"])
            let statuses = try await units.listUnits(names: [unit.rawValue])
            guard statuses.allSatisfy({ observation($0).isDown }) else { return .stopFailed(unit) }
            return .stopped(unit)
        } catch {
            if error.code == .noSuchUnit { return .stopped(unit) }
            logger.warning("unit not stopped", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
            return .stopFailed(unit)
        }
    }
}
