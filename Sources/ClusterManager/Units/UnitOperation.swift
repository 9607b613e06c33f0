// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What came of a command for one unit, for `--output json`.
package struct OperationResult: Encodable, Hashable, Sendable {
    package let unit: String
    package let ok: Bool
    /// For people.
    package let message: String
    /// The machine that had the unit, and what systemd said of it there; left out where nothing was waited for, and of what is gone.
    package let machine: String?
    package let active: String?
    package let sub: String?

    package init(unit: String, ok: Bool, message: String, state: FleetUnitState? = nil) {
        self.unit = unit
        self.ok = ok
        self.message = message
        machine = state?.machine
        active = state?.active
        sub = state?.sub
    }

    package init(_ line: WaitReport.Line) {
        self.init(unit: line.unit.rawValue, ok: line.kind == .reached, message: line.text, state: line.state)
    }
}

/// One command's work on several units: requests, then waiting, then the truth about all of it.
package struct UnitOperation: Sendable {
    /// One unit's part.
    package struct Step: Sendable {
        package let unit: UnitName
        /// The request; `nil` when there is nothing to ask for.
        package let request: (@Sendable (any FleetService) async throws -> Void)?
        /// What to wait for; `nil` when the request's own success is all.
        package let goal: WaitGoal.Kind?
        /// Hash of the file that the request gives to a unit which has another one.
        package let hash: String?
        /// The line to print when nothing is waited for.
        package let line: String

        package init(
            _ unit: UnitName, line: String, goal: WaitGoal.Kind? = nil, hash: String? = nil,
            request: (@Sendable (any FleetService) async throws -> Void)? = nil
        ) {
            self.unit = unit
            self.line = line
            self.goal = goal
            self.hash = hash
            self.request = request
        }
    }

    package let context: CommandContext
    package let patience: Patience
    /// Whether requests go out one after another: what is asked for first is placed first.
    package var keepsOrder = false

    /// How long a command stays.
    package enum Patience: Hashable, Sendable {
        /// Return once the cluster has accepted the request.
        case none
        /// Wait for the outcome; `nil` for ever.
        case wait(Duration?)
    }

    /// Carries out all steps.
    ///
    /// A step that fails does not keep the others from being tried.
    ///
    /// - Parameters:
    ///   - steps: One per unit.
    ///   - summary: What has been done to the units, such as "stopped", for a closing line on standard error when there
    ///     are several.
    /// - Throws: `ClusterManagerError`: the failure of a single step, `partial` when some of several failed, or what the
    ///   wait ended with.
    package func run(_ steps: [Step], summary: String? = nil) async throws {
        let fleet = context.fleet
        let waited = patience == .none ? [] : steps.filter { $0.goal != nil }
        let waiter =
            waited.isEmpty ? nil : try await Waiter(fleet, units: waited.map(\.unit), console: context.console)
        if let waiter { leaveWord(Self.doubt(steps, before: waiter.before)) }
        let answers = await Concurrently.map(steps, width: keepsOrder ? 1 : Concurrently.width) { step in
            try await step.request?(fleet)
        }

        var results: [OperationResult] = []
        var failures: [ClusterManagerError] = []
        var goals: [WaitGoal] = []
        for (step, answer) in zip(steps, answers) {
            if case .failure(let error) = answer {
                let error = ClusterManagerError(wrapping: error)
                failures.append(error)
                results.append(OperationResult(unit: step.unit.rawValue, ok: false, message: error.message))
            } else if let kind = step.goal, let waiter {
                let before = step.request == nil ? nil : waiter.before.state(of: step.unit)
                goals.append(WaitGoal(step.unit, kind, before: before, hash: step.hash))
            } else {
                tell(step.line)
                results.append(OperationResult(unit: step.unit.rawValue, ok: true, message: step.line))
            }
        }
        if steps.count > 1 { for failure in failures { context.warn(failure.message) } }

        var error: ClusterManagerError?
        if let waiter, case .wait(let timeout) = patience {
            // Nothing was asked for, so all there is to judge by is what was known before etcd went.
            if !goals.isEmpty, waited.allSatisfy({ $0.request == nil }), context.ages.words != nil {
                let names = goals.map(\.unit.rawValue).few(3)
                throw ClusterManagerError(
                    .unreachable,
                    "nobody knows what becomes of \(names), since etcd does not answer; try again when it does",
                    isTransient: true)
            }
            let asked = Set(waited.filter { $0.request != nil }.map(\.unit))
            let requested = goals.filter { asked.contains($0.unit) }
            var ended: Set<UnitName> = []
            leaveWord(Self.farewell(requested, before: waiter.before))
            let result = await waiter.wait(for: goals, timeout: timeout) { line in
                tell(line.text)
                ended.insert(line.unit)
                leaveWord(Self.farewell(requested, without: ended, before: waiter.before))
            }
            error = result.error
            results += result.lines.map(OperationResult.init)
        }
        if context.format == .json { context.console.output.write(try JSONOutput.text(results)) }
        let done = results.count { $0.ok }
        if let summary, steps.count > 1 { context.warn("\(summary) \(done) of \(steps.count) units") }
        if let failure = failures.first {
            // The command's own error is another one than the failure that the wait has left to it.
            if let error, error.code == .unitFailed, goals.count == 1, !error.message.isEmpty {
                context.warn(error.message)
            }
            if steps.count == 1 || failures.count == steps.count && failure.exitStatus == .unreachable { throw failure }
            let code: ClusterManagerError.Code = done > 0 ? .partial : .refused
            let were = failures.count == 1 ? "was" : "were"
            throw ClusterManagerError(code, "\(failures.count) of \(steps.count) requests \(were) not carried out")
        }
        if let error { throw error }
    }

    /// What to tell from now on who leaves; `nil` where the requests themselves say what there is to say.
    func leaveWord(_ words: String?) { Interrupt.says(words, on: context.console.errors) }

    private func tell(_ line: String) {
        if context.format == .table { context.console.output.line(line) }
    }
}

extension ClusterManagerError {
    /// Any error as one of ours; what is none of ours is told as it describes itself.
    package init(wrapping error: any Error) {
        self = error as? ClusterManagerError ?? ClusterManagerError(.refused, "\(error)")
    }
}
