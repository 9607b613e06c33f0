// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Logging
import Registry
import Systemd
import Timing

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
            taken()
            var states: [UnitState] = []
            var lost: [Order] = []
            for ((order, claim), revision) in zip(zip(orders, claims), granted) {
                if revision == nil { lost.append(order) } else { states.append(claim.state) }
                stateRevisions[order.unit] = revision
            }
            return .claimed(granted: states, lost: lost)
        } catch {
            for order in orders { stateRevisions[order.unit] = nil }
            notTaken("units not claimed", error, isToldAlways: true)
            return .claimFailed(orders.map(\.unit))
        }
    }

    func publish(_ states: [UnitState], _ tenure: Tenure) async -> [AgentEvent] {
        let units = states.map(\.unit)
        do {
            let revisions = try await registry.publish(states, over: stateRevisions, in: tenure)
            taken()
            for (unit, revision) in zip(units, revisions) { stateRevisions[unit] = revision }
            let gone = zip(units, revisions).filter { $1 == nil }.map(\.0)
            guard !gone.isEmpty else { return [.published(states)] }
            logger.warning(
                "states are gone from the store that nobody else may delete; they are claimed anew",
                metadata: ["units": "\(gone.map(\.rawValue))"])
            return [.published(states), .claimsGone(gone)]
        } catch {
            // What the store holds of them is unknown now; the next publication looks first.
            for unit in units { stateRevisions[unit] = nil }
            notTaken("states not published", error)
            return [.publishFailed]
        }
    }

    func withdraw(_ names: [UnitName], _ tenure: Tenure) async -> AgentEvent {
        do {
            for name in names { stateRevisions[name] = nil }
            try await registry.withdrawStates(names, in: tenure)
            taken()
            return .withdrawn(names)
        } catch {
            notTaken("states not withdrawn", error)
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

    /// Orders a start or restart, and tells what came of it when systemd's job is over.
    func issue(_ operation: UnitOperation, _ unit: UnitName, _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        let file = await folder.file(of: unit)
        // Of a restart that systemd has not taken yet the note still names the file of the former run: the next run of the agent, if
        // this one dies now, would else take that run for the new one's.
        let isNotedLater = operation != .start && file?.startedHash != nil
        do {
            // Without any note the next run of the agent would not know what runs here.
            if !isNotedLater { try await folder.note(unit, started: file?.hash) }
        } catch {
            refuse(operation, unit, error.message)
            note(error)
            return inbox.yield(.issueFailed(unit, reason: error.message)).discard()
        }
        // Who asks for a start means it: a start limit that was hit before does not stand in the way. A unit that never failed,
        // or that systemd has forgotten, refuses this, which is as good.
        try? await units.resetFailedUnit(unit.rawValue)
        let (former, operation) = await endFormerRun(of: unit, before: operation, file)
        if let former {
            refuse(operation, unit, former)
            await takeBack(unit, file?.startedHash)
            return inbox.yield(.issueFailed(unit, reason: former)).discard()
        }
        let job: UnitJob
        let mark = changeMark
        do {
            job = try await units.queue(operation, unit.rawValue, mode: .replace)
        } catch {
            // Only what is refused once it is whole stands against the unit.
            if error.code == .noSuchUnit, await folder.isMissing(unit), missing.insert(unit).inserted {
                logger.warning(
                    "somebody has removed a unit's file or link; it is put back, then started",
                    metadata: ["unit.name": "\(unit)"])
                await takeBack(unit, file?.startedHash)
                return inbox.yield(.missing(unit)).discard()
            }
            let reason = error.code == .masked ? await maskingWords(unit) : error.message
            refuse(operation, unit, reason)
            await takeBack(unit, file?.startedHash)
            let isOutage = error.isTransient && error.code != .conflict
            return inbox.yield(
                isOutage ? .issueFailed(unit, reason: reason) : .startEnded(unit, .refused(reason))
            ).discard()
        }
        missing.remove(unit)
        if isNotedLater { await noteRestart(of: unit, file?.hash) }
        logger.info("unit \(operation.rawValue) issued", metadata: ["unit.name": "\(unit)"])
        inbox.yield(.issued(unit))
        let patience = clockwork.spawn { [clockwork, units] in
            guard (try? await clockwork.sleep(for: Self.silence)) != nil else { return }
            let status = try? await units.listUnits(names: [unit.rawValue]).first
            inbox.yield(.startEnded(unit, .waiting("\(UnitState.queuedWord): \(Self.delay(of: status))")))
        }
        defer { patience.cancel() }
        guard let result = try? await job.result() else {
            // Whoever waits is not left without a word: what systemd tells of the unit counts from now on.
            if !Task.isCancelled { inbox.yield(.startEnded(unit, .cancelled)) }
            return
        }
        patience.cancel()
        let end = await startEnd(unit, result, since: mark)
        if case .refused(let reason) = end {
            refuse(operation, unit, reason)
            await takeBack(unit, file?.startedHash)
            await showState(of: unit, inbox)
        }
        inbox.yield(.startEnded(unit, end))
    }

    /// Hands on how the unit stands, before the word that its start was refused: of a restart, only what is down is tried again.
    private func showState(of unit: UnitName, _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        let mark = changeMark
        guard let statuses = try? await units.listUnits(names: [unit.rawValue]),
            let latest = try? await newest(statuses, since: mark)
        else { return }
        inbox.yield(.observed(latest.map { observation($0) }))
    }

    /// What a start waits for that has given no sign yet.
    private static func delay(of status: UnitStatus?) -> String {
        if status?.sub == UnitStatus.conditionState { return "its ExecCondition= has not ended" }
        if status?.active == "deactivating" { return "its former run is still being stopped" }
        return "systemd runs other jobs of this machine first"
    }

    /// Sees the processes of the unit's former run dead, where systemd would start new ones beside them (rule R1).
    ///
    /// - Returns: Why they live on, if they do; and the order that is left to give.
    private func endFormerRun(
        of unit: UnitName, before operation: UnitOperation, _ file: InstalledFile?
    ) async -> (failure: String?, left: UnitOperation) {
        var left = operation
        // The end of the stop's job would count as the end of work that is done once; such a unit keeps systemd's own restart.
        if operation == .restart, file?.runs == .always,
            (try? await units.leavesProcesses(of: unit.rawValue)) ?? true
        {
            do {
                _ = try await units.stopUnit(unit.rawValue)
            } catch  where error.code == .noSuchUnit {
                logger.trace("nothing to stop before the restart", metadata: ["unit.name": "\(unit)"])
            } catch {
                return (error.message, operation)
            }
            left = .start
        }
        // Who stops units by hand, or a unit that failed, leaves some, too; the first start of a unit has none.
        guard left == .start, operation == .restart || file?.startedHash != nil,
            let statuses = try? await units.listUnits(names: [unit.rawValue]),
            statuses.allSatisfy({ $0.active == "inactive" || $0.active == "failed" })
        else { return (nil, left) }
        let living = await processes.end([unit.rawValue], patience: Self.patience)
        return (living.isEmpty ? nil : Self.leftover, left)
    }

    /// After this long without a sign of a queued start people are told that it waits.
    private static let silence = Duration.milliseconds(1500)

    private func refuse(_ operation: UnitOperation, _ unit: UnitName, _ reason: String) {
        logger.warning("unit \(operation.rawValue) refused", metadata: ["unit.name": "\(unit)", "error": "\(reason)"])
    }

    /// By which file somebody has forbidden the unit on this machine, and what lifts that.
    private func maskingWords(_ unit: UnitName) async -> String {
        let file = (try? await units.fragmentPaths(of: [unit.rawValue]))?[unit.rawValue]
        return "\(unit) is masked on this machine\(file.map { " by \($0)" } ?? "");"
            + " 'systemctl unmask \(unit)' there allows it"
    }

    /// systemd has taken the restart: the note names the new run's file.
    private func noteRestart(of unit: UnitName, _ hash: ContentHash?) async {
        do {
            try await folder.note(unit, started: hash)
        } catch {
            note(error)
            // The next run of the agent restarts it once more.
            logger.warning("note not renewed", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
        }
    }

    /// Nothing was started: the note says again what it said before.
    private func takeBack(_ unit: UnitName, _ hash: ContentHash?) async {
        do {
            try await folder.note(unit, started: hash)
        } catch {
            // The next run then takes the unit for started, finds it down, and starts it.
            logger.warning("note not taken back", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
        }
    }
}
