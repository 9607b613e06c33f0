// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
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
    package typealias Request = @Sendable (any FleetService) async throws -> Void

    /// One unit's part.
    package struct Step: Sendable {
        package let unit: UnitName
        /// The request; `nil` when there is nothing to ask for.
        package let request: Request?
        /// What to wait for; `nil` when the request's own success is all.
        package var goal: WaitGoal.Kind?
        /// What to wait for in place of nothing where an earlier stage was over before its own goal for the unit was reached.
        package var lateGoal: WaitGoal.Kind?
        /// Hash of the file that the request gives to a unit which has another one.
        package let hash: String?
        /// The line to print when nothing is waited for.
        package let line: String
        /// The command that asks for the same; `nil` when none does by the unit's name.
        package let verb: String?

        package init(
            _ unit: UnitName, line: String, goal: WaitGoal.Kind? = nil, lateGoal: WaitGoal.Kind? = nil,
            hash: String? = nil, verb: String? = nil, request: Request? = nil
        ) {
            self.unit = unit
            self.line = line
            self.goal = goal
            self.lateGoal = lateGoal
            self.hash = hash
            self.verb = verb
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

    /// Carries out all steps at once.
    ///
    /// - Parameters:
    ///   - steps: One per unit.
    ///   - summary: As for stages.
    /// - Throws: As for stages.
    package func run(_ steps: [Step], summary: String? = nil) async throws {
        try await run([Stage(steps)], summary: summary)
    }

    /// Carries out all stages, each when the one before it got there or has held it up for long enough.
    ///
    /// A step that fails does not keep others from being tried, but for later ones of its unit when its request is refused.
    ///
    /// - Parameters:
    ///   - stages: At least one. What comes of a unit is told by its last step; of those before it nothing is said that goes well.
    ///   - summary: What has been done to the units, such as "stopped", for a closing line on standard error when there
    ///     are several.
    /// - Throws: `ClusterManagerError`: the failure of a single step, `partial` when some of several failed, or what the
    ///   wait ended with.
    package func run(_ stages: [Stage], summary: String? = nil) async throws {
        var course = Course(stages)
        for index in stages.indices {
            do {
                try await carryOut(stages[index], before: stages[(index + 1)...], &course)
            } catch {
                // Nothing is left half done without a word about the other half.
                guard course.stagesAsked > 0, let words = Self.unasked(stages[course.stagesAsked...]) else {
                    throw error
                }
                var error = ClusterManagerError(wrapping: error)
                error.message += "; \(words)"
                throw error
            }
        }

        let results =
            course.results + (course.settled + course.unsettled).map(OperationResult.init)
        if context.format == .json { context.console.output.write(try JSONOutput.text(results)) }
        let done = results.count { $0.ok }
        let (failures, count) = (course.failures, course.units.count)
        if let summary, count > 1 {
            // What comes of a global unit nobody has waited for.
            let asked = course.results.count { $0.ok }
            let rest = asked == 0 ? "" : "; \(asked) more \(asked == 1 ? "was" : "were") asked to"
            if asked < count { context.warn("\(summary) \(done - asked) of \(count - asked) units\(rest)") }
        }
        let error = course.error ?? Waiter.failure(of: course.settled, on: context.console)
        if let failure = failures.first {
            // The command's own error is another one than the failure that the wait has left to it.
            if let error, error.code == .unitFailed, course.settled.count == 1, !error.message.isEmpty {
                context.warn(error.message)
            }
            if count == 1 || failures.count == count && failure.exitStatus == .unreachable { throw failure }
            let code: ClusterManagerError.Code = done > 0 ? .partial : .refused
            let were = failures.count == 1 ? "was" : "were"
            throw ClusterManagerError(code, "\(failures.count) of \(count) requests \(were) not carried out")
        }
        if let error { throw error }
    }

    /// What to tell from now on who leaves; `nil` where the requests themselves say what there is to say.
    func leaveWord(_ words: String?, _ unasked: String?) {
        let parts = [words, unasked].compactMap(\.self)
        Interrupt.says(parts.isEmpty ? nil : parts.joined(separator: "; "), on: context.console.errors)
    }

    func tell(_ line: String) {
        if context.format == .table { context.console.output.line(line) }
    }
}

extension ClusterManagerError {
    /// Any error as one of ours; what is none of ours is told as it describes itself.
    package init(wrapping error: any Error) {
        self =
            switch error {
            case let error as ClusterManagerError: error
            case let error as APIError: ClusterManagerError(error)
            default: ClusterManagerError(.refused, "\(error)")
            }
    }
}
