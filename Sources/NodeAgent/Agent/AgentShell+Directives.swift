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
                stateRevisions[order.unit] = revision
            }
            return .claimed(granted: states, lost: lost)
        } catch {
            for order in orders { stateRevisions[order.unit] = nil }
            logger.warning("units not claimed", metadata: ["units": "\(orders.count)", "error": "\(error.message)"])
            return .claimFailed(orders.map(\.unit))
        }
    }

    func publish(_ states: [UnitState], _ tenure: Tenure) async -> AgentEvent {
        let units = states.map(\.unit)
        do {
            let revisions = try await registry.publish(states, over: stateRevisions, in: tenure)
            for (unit, revision) in zip(units, revisions) { stateRevisions[unit] = revision }
            return .published(states)
        } catch {
            // What the store holds of them is unknown now; the next publication looks first.
            for unit in units { stateRevisions[unit] = nil }
            logger.debug("states not published", metadata: ["error": "\(error.message)"])
            return .publishFailed
        }
    }

    func withdraw(_ names: [UnitName], _ tenure: Tenure) async -> AgentEvent {
        do {
            for name in names { stateRevisions[name] = nil }
            try await registry.withdrawStates(names, in: tenure)
            return .withdrawn(names)
        } catch {
            logger.debug("states not withdrawn", metadata: ["error": "\(error.message)"])
            return .withdrawFailed(names)
        }
    }

    func record(_ reports: [CompletionReport], _ tenure: Tenure) async -> AgentEvent {
        do {
            try await registry.record(reports, in: tenure)
            for report in reports {
                logger.info(
                    "unit has done its work",
                    metadata: [
                        "unit.name": "\(report.completion.unit)", "unit.success": "\(report.completion.isSuccess)",
                    ])
            }
            return .recorded
        } catch {
            logger.debug("results not recorded", metadata: ["error": "\(error.message)"])
            return .recordFailed
        }
    }

    /// Orders a start or restart; what comes of it shows in the unit's state.
    func issue(_ operation: UnitOperation, _ unit: UnitName) async -> AgentEvent {
        let file = await folder.file(of: unit)
        await folder.note(unit, started: file?.hash)
        do {
            _ = try await units.queue(operation, unit.rawValue, mode: .replace)
            logger.info("unit \(operation.rawValue) issued", metadata: ["unit.name": "\(unit)"])
            return .issued(unit)
        } catch {
            logger.warning(
                "unit \(operation.rawValue) refused", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
            guard error.isTransient else { return .issued(unit) }
            await folder.note(unit, started: file?.startedHash)
            return .issueFailed(unit)
        }
    }

    /// Stops a unit and waits until it is down, however long its own time-out lets it take.
    func stop(_ unit: UnitName) async -> AgentEvent {
        do {
            _ = try await units.stopUnit(unit.rawValue)
            logger.info("unit stopped", metadata: ["unit.name": "\(unit)"])
            let statuses = try await units.listUnits(names: [unit.rawValue])
            guard statuses.allSatisfy({ observation($0).isDown }) else { return .stopFailed(unit) }
        } catch  where error.code == .noSuchUnit {
            logger.trace("nothing to stop", metadata: ["unit.name": "\(unit)"])
        } catch {
            logger.warning("unit not stopped", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
            return .stopFailed(unit)
        }
        await folder.note(unit, started: nil)
        return .stopped(unit)
    }
}
