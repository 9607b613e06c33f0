// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry
import Systemd

/// One function per directive of `AgentCore`; each says as an event what came of it.
extension AgentShell {
    func claim(_ orders: [Order], _ lease: LeaseID) async -> AgentEvent {
        let claims = orders.map { order in
            Claim(
                StoredAssignment(order.assignment, modRevision: order.revision),
                state: UnitState(machine: machine, unit: order.unit, hash: order.assignment.hash))
        }
        do {
            let granted = try await registry.claim(claims, lease: lease)
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

    func publish(_ states: [UnitState], _ lease: LeaseID) async -> AgentEvent {
        do {
            _ = try await registry.publish(states, lease: lease)
            return .published(states)
        } catch {
            logger.debug("states not published", metadata: ["error": "\(error.message)"])
            return .publishFailed
        }
    }

    func withdraw(_ names: [UnitName]) async -> AgentEvent {
        do {
            try await registry.withdrawStates(names, machine: machine)
            return .withdrawn(names)
        } catch {
            logger.debug("states not withdrawn", metadata: ["error": "\(error.message)"])
            return .withdrawFailed(names)
        }
    }

    /// Fetches, writes, links and loads a batch; one unit's failure does not hold up the others.
    func install(_ orders: [Order]) async -> [AgentEvent] {
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
        for order in orders {
            guard let file = files[order.assignment.hash] else {
                let reason = "unit file \(order.assignment.hash.short) is missing from the store or damaged"
                events += failed([order], reason, isTransient: true)
                continue
            }
            do {
                written.append((order, try await folder.write(file, for: order.unit)))
            } catch {
                events += failed([order], "\(error)", isTransient: true)
            }
        }
        do {
            let statuses = try await load(written.map(\.file.unit))
            await guardControl.list(fenced: await folder.fencedUnits())
            events += written.map { .installed($0.file) }
            events.append(.observed(statuses.map { observation($0) }))
        } catch {
            events += failed(written.map(\.order), "\(error)", isTransient: true)
        }
        return events
    }

    /// Makes systemd see new or changed files; reads all unit files again only when it would otherwise use an old one.
    func load(_ names: [UnitName]) async throws -> [UnitStatus] {
        guard !names.isEmpty else { return [] }
        var paths: [String] = []
        for name in names { paths.append(await folder.path(of: name)) }
        _ = try await units.linkUnitFiles(paths, runtime: true, force: true)
        let statuses = try await units.watch(names.map(\.rawValue))
        guard try await needsReload(statuses) else { return statuses }
        try await units.reload()
        return try await units.listUnits(names: names.map(\.rawValue))
    }

    private func needsReload(_ statuses: [UnitStatus]) async throws -> Bool {
        for status in statuses {
            if status.load == "not-found" { return true }
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
