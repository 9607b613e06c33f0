// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What comes first of a unit and the socket, the timer or the path that triggers it, when one command starts both.
///
/// systemd starts a socket only as long as its service is down, and none of them before it has loaded what it triggers
/// (systemd 252, socket_start and its like): so the triggered unit is loaded, then its trigger started, then the unit itself.
extension BringingUp {
    /// Of several units those that another of them triggers, and these others; what runs already is in neither.
    func triggering(
        _ findings: [UnitFinding], _ standings: [UnitName: Standing]
    ) -> (triggered: [UnitFinding], triggers: [UnitFinding]) {
        let down = findings.filter { finding in
            guard finding.coming(replaces) != nil, !isGlobal(finding) else { return false }
            return (finding.registered?.desired ?? .inactive) < .launched || standings[finding.name] == .down
        }
        func isTrigger(_ finding: UnitFinding, of other: UnitFinding) -> Bool {
            finding.coming(replaces).map { UnitTrigger(finding.name, $0).triggers(other.name) } ?? false
        }
        let triggered = down.filter { other in down.contains { isTrigger($0, of: other) } }
        let triggers = down.filter { finding in triggered.contains { isTrigger(finding, of: $0) } }
        return (triggered, triggers)
    }

    /// Loads units that others of the same command trigger, and starts these others, so that the command can start the rest.
    ///
    /// - Parameters:
    ///   - findings: What the command is about.
    ///   - standings: How the launched ones of these do.
    ///   - patience: The command's; who does not wait has all asked for at once.
    ///   - context: Where the cluster is asked and notes go.
    /// - Returns: What is left of the patience; `nil` when there was nothing to do. What could not be done the command itself
    ///   tries again, and tells of.
    /// - Throws: `ClusterManagerError` when nobody answers.
    func startTriggers(
        _ findings: [UnitFinding], _ standings: [UnitName: Standing], patience: UnitOperation.Patience,
        in context: CommandContext
    ) async throws -> UnitOperation.Patience? {
        guard target == .launched, case .wait(let timeout) = patience else { return nil }
        let (triggered, triggers) = triggering(findings, standings)
        guard !triggered.isEmpty else { return nil }
        let start = ContinuousClock.now
        func left() -> Duration? { timeout.map { max($0 - (ContinuousClock.now - start), .zero) } }
        func loading(_ some: [UnitFinding]) throws -> [UnitOperation.Step] {
            // What is launched, and down, is loaded.
            let unloaded = some.filter { ($0.registered?.desired ?? .inactive) < .launched }
            return try unloaded.map { try BringingUp(to: .loaded, replaces: replaces).step($0).step }
        }
        let pairs = Set((triggered + triggers).map(\.name))
        // One of a pair may need the machine of the other, or of any other unit of the command.
        let others = try loading(findings.filter { !pairs.contains($0.name) && !isGlobal($0) })
        let starting = try triggers.map { finding in
            guard (finding.registered?.desired ?? .inactive) < .launched else {
                return try step(finding, standings[finding.name]).step
            }
            // It is known, and has its file, by then.
            let name = finding.name
            let hash = replaces ? finding.source?.hash : nil
            return UnitOperation.Step(name, line: "Triggered unit \(name) start", goal: .running, hash: hash) {
                try await $0.setTarget(.launched, of: name)
            }
        }
        let operation = UnitOperation(context: context, patience: patience)
        // What comes first holds up the rest for a while only, and never keeps it from being asked for: the command itself waits for
        // what is not there yet, and tells of it.
        func bound() -> Duration { left().map { min($0, Self.patienceAhead) } ?? Self.patienceAhead }
        do {
            if try await operation.pass(try loading(triggered + triggers), beside: others, within: bound()) {
                _ = try await operation.pass(starting, within: bound())
            }
        } catch let error as ClusterManagerError where error.code == .timedOut {}
        return .wait(left())
    }

    /// How long the rest of a command waits for each of the two steps that come first.
    private static let patienceAhead = Duration.seconds(10)

    private func isGlobal(_ finding: UnitFinding) -> Bool {
        finding.coming(replaces).map { SchedulingOptions(of: $0, for: finding.name).isGlobal } ?? false
    }
}

extension UnitFinding {
    /// The file that the unit has when the command is done; `nil` when there is none.
    fileprivate func coming(_ replaces: Bool) -> UnitFile? {
        replaces || registered == nil ? source?.file ?? registered?.file : registered?.file
    }
}

extension UnitOperation {
    /// Carries out what comes before the command's own steps, and waits for it; of what goes well nothing is said.
    ///
    /// - Parameters:
    ///   - steps: One per unit, each with something to wait for.
    ///   - others: Steps that are asked for as well, and not waited for.
    ///   - timeout: When to give up; `nil` waits for ever.
    /// - Returns: Whether all got there.
    /// - Throws: `ClusterManagerError` when the time is up, or nobody answers.
    fileprivate func pass(
        _ steps: [Step], beside others: [Step] = [], within timeout: Duration?
    ) async throws -> Bool {
        guard !steps.isEmpty else { return true }
        let fleet = context.fleet
        _ = await Concurrently.map(others) { step in try await step.request?(fleet) }
        let waiter = try await Waiter(fleet, units: steps.map(\.unit), console: context.console)
        leaveWord(Self.doubt(steps, before: waiter.before))
        let answers = await Concurrently.map(steps) { step in try await step.request?(fleet) }
        var goals: [WaitGoal] = []
        var requested: [WaitGoal] = []
        for (step, answer) in zip(steps, answers) {
            guard case .success = answer, let kind = step.goal else { return false }
            let before = step.request == nil ? nil : waiter.before.state(of: step.unit)
            goals.append(WaitGoal(step.unit, kind, before: before, hash: step.hash))
            if step.request != nil { requested.append(goals[goals.count - 1]) }
        }
        leaveWord(Self.farewell(requested, before: waiter.before))
        let result = await waiter.wait(for: goals, timeout: timeout) { _ in }
        if let error = result.error, error.code != .unitFailed { throw error }
        return result.error == nil
    }
}
