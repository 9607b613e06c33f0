// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

extension UnitOperation.Step {
    /// Whether more comes of it than a line to print.
    fileprivate var hasOutcome: Bool { request != nil || goal != nil }

    /// The step after an earlier stage that was over too soon for its unit.
    fileprivate var late: Self {
        var step = self
        step.goal = goal ?? lateGoal
        return step
    }
}

/// Work of which one part comes after another.
extension UnitOperation {
    /// Steps that are asked for together, and waited for before the next ones are asked for.
    package struct Stage: Sendable {
        package let steps: [Step]
        /// Steps that are asked for as well, and hold up nothing; each of their units has another one in a later stage.
        package let beside: [Step]
        /// For how long they hold up the next stage at most.
        package let bound: Duration

        package init(_ steps: [Step], beside: [Step] = [], bound: Duration = .zero) {
            self.steps = steps
            self.beside = beside
            self.bound = bound
        }
    }

    /// What has come of the stages so far.
    struct Course {
        /// All that is waited for, or is to be told of to who leaves.
        let followed: [UnitName]
        let units: Set<UnitName>
        /// Whether nothing is asked of any unit that is waited for.
        let asksForNothing: Bool

        var stagesAsked = 0
        /// What was not waited for.
        var results: [OperationResult] = []
        var failures: [ClusterManagerError] = []
        /// Units of which a request was refused: nothing more is asked of them.
        var refused: Set<UnitName> = []
        /// The cluster before the command.
        var before: FleetView?
        /// What each unit was asked for last, and those that got there.
        private(set) var asked: [WaitGoal] = []
        private(set) var ended: Set<UnitName> = []
        private var places: [UnitName: Int] = [:]
        /// What the last step of a unit that does anything waits for, and a stage that is over has not seen.
        var open: [WaitGoal] = []
        /// Units that were not loaded in time, so that no other one is held up by them once more.
        var unloaded: Set<UnitName> = []
        /// Units that an earlier stage has not seen where it wanted them.
        var late: Set<UnitName> = []
        /// When the first wait began.
        var start: ContinuousClock.Instant?
        /// What came of units by their last steps.
        var settled: [WaitReport.Line] = []
        var unsettled: [WaitReport.Line] = []
        /// How the last wait ended, where it did not see all units to their end.
        var error: ClusterManagerError?

        init(_ stages: [Stage]) {
            let waited = stages.flatMap { $0.steps + $0.beside }.filter { $0.goal != nil }
            var seen: Set<UnitName> = []
            followed = waited.map(\.unit).filter { seen.insert($0).inserted }
            units = Set(stages.flatMap(\.steps).map(\.unit))
            asksForNothing = waited.allSatisfy { $0.request == nil }
        }

        mutating func ask(_ goal: WaitGoal) {
            ended.remove(goal.unit)
            guard let place = places[goal.unit] else {
                places[goal.unit] = asked.count
                return asked.append(goal)
            }
            // No command brings a former file back, whatever was asked for since.
            let hash = goal.hash ?? asked[place].hash
            asked[place] = WaitGoal(goal.unit, goal.kind, hash: hash)
        }

        mutating func end(_ unit: UnitName) { ended.insert(unit) }

        /// Whether an earlier stage has asked something of the unit, which is half done if the rest is refused.
        func isBegun(_ unit: UnitName) -> Bool { places[unit] != nil }
    }

    /// How long nobody may answer between two stages.
    private static let silence = Duration.seconds(60)

    /// Begins to follow the cluster; in the middle of the work it waits for somebody to answer, as a wait does: an agent that restarts just
    /// then would leave units stopped.
    private func waiter(for course: Course) async throws -> Waiter {
        var deadline = ContinuousClock.now
        if course.stagesAsked > 0 { deadline += min(Self.silence, timeLeft(of: course) ?? Self.silence) }
        do {
            return try await Persistence.ask(until: deadline) {
                try await Waiter(context.fleet, units: course.followed, console: context.console)
            }
        } catch let error as ClusterManagerError {
            guard error.isTransient, case .wait(let timeout?) = patience, timeLeft(of: course) == .zero else {
                throw error
            }
            throw ClusterManagerError(
                .timedOut, "gave up waiting after \(timeout.inWords): nobody answers: \(error.message)")
        }
    }

    /// What is left of the user's time; `nil` where it has no end.
    private func timeLeft(of course: Course) -> Duration? {
        guard case .wait(let timeout?) = patience else { return nil }
        return course.start.map { max(timeout - (ContinuousClock.now - $0), .zero) } ?? timeout
    }

    /// Asks for what a stage is made of, and waits for it.
    ///
    /// - Parameters:
    ///   - stage: What to do.
    ///   - ahead: What comes behind it.
    ///   - course: What has come of the stages before it.
    /// - Throws: `ClusterManagerError` when nobody answers.
    func carryOut(_ stage: Stage, before ahead: ArraySlice<Stage>, _ course: inout Course) async throws {
        let later = Set(ahead.flatMap(\.steps).map(\.unit))
        // For the others a later stage has but a line to print, which no failure is found out by.
        let unfinished = Set(ahead.flatMap(\.steps).filter(\.hasOutcome).map(\.unit))
        // Nor is that line told of what has failed, or is still waited for.
        let told = Set(course.settled.filter { $0.kind == .failed }.map(\.unit) + course.open.map(\.unit))
        let steps = (stage.steps + stage.beside).filter { step in
            !course.refused.contains(step.unit) && (step.hasOutcome || !told.contains(step.unit))
        }.map { course.late.contains($0.unit) ? $0.late : $0 }
        let beside = Set(stage.beside.map(\.unit))
        let isWaiting = patience != .none && (steps.contains { $0.goal != nil } || !course.open.isEmpty)
        let waiter = isWaiting ? try await waiter(for: course) : nil
        let before = course.before ?? waiter?.before ?? FleetView()
        if let waiter, course.before == nil { course.before = waiter.before }
        let unasked = Self.unasked(ahead)
        leaveWord(waiter == nil ? nil : Self.doubt(steps, before: before), unasked)
        let fleet = context.fleet
        let answers = await Concurrently.map(steps, width: keepsOrder ? 1 : Concurrently.width) { step in
            try await step.request?(fleet)
        }
        course.stagesAsked += 1

        var goals = course.open
        // What has got no machine gets none by the next request either: it is waited for in the end.
        var heldUp: [WaitGoal] = []
        for (step, answer) in zip(steps, answers) {
            let unit = step.unit
            if case .failure(let error) = answer {
                var error = ClusterManagerError(wrapping: error)
                let rest = ([stage] + ahead).map { stage in Stage(stage.steps.filter { $0.unit == unit }) }
                if course.isBegun(unit), let words = Self.unasked(rest[...]) { error.message += "; \(words)" }
                course.failures.append(error)
                course.refused.insert(unit)
                course.results.append(OperationResult(unit: unit.rawValue, ok: false, message: error.message))
                if course.units.count > 1 { context.warn(error.message) }
            } else if let kind = step.goal, let waiter {
                var goal = WaitGoal(unit, kind, hash: step.hash)
                if step.request != nil {
                    goal.before = waiter.before.state(of: unit)
                    goal.formers = waiter.before.states[unit] ?? [:]
                    course.ask(goal)
                }
                if !ahead.isEmpty, course.unloaded.contains(unit) {
                    heldUp.append(goal)
                } else if !beside.contains(unit) {
                    goals.append(goal)
                }
            } else if !later.contains(unit) {
                tell(step.line)
                course.results.append(OperationResult(unit: unit.rawValue, ok: true, message: step.line))
            }
        }

        guard let waiter, case .wait(let timeout) = patience else { return }
        // Nothing was asked for, so all there is to judge by is what was known before etcd went.
        if course.asksForNothing, !goals.isEmpty, context.ages.words != nil {
            let names = goals.map(\.unit.rawValue).few(3)
            throw ClusterManagerError(
                .unreachable,
                "nobody knows what becomes of \(names), since etcd does not answer; try again when it does",
                isTransient: true)
        }
        course.start = course.start ?? .now
        let left = timeLeft(of: course)
        leaveWord(Self.farewell(course.asked, without: course.ended, before: before), unasked)
        let result = await waiter.wait(
            for: goals, onTheWay: unfinished, after: course.settled,
            timeout: ahead.isEmpty ? left : min(left ?? stage.bound, stage.bound), of: timeout
        ) { line in
            course.end(line.unit)
            if !later.contains(line.unit) { tell(line.text) }
            leaveWord(Self.farewell(course.asked, without: course.ended, before: before), unasked)
        }
        course.settled = result.outcomes.filter { line in
            !later.contains(line.unit) || line.kind == .failed && !unfinished.contains(line.unit)
        }
        let pending = Set(result.pending.map(\.unit))
        let open = goals.filter { pending.contains($0.unit) }
        course.late = course.late.subtracting(goals.map(\.unit)).union(pending)
        course.unloaded.formUnion(open.filter { $0.kind == .loaded }.map(\.unit))
        course.open = (open + heldUp).filter { !unfinished.contains($0.unit) }
        guard let error = result.error, error.code != .unitFailed else { return }
        if ahead.isEmpty {
            (course.unsettled, course.error) = (result.pending, error)
        } else if error.code != .timedOut {
            // What is not there in time holds up nothing any longer.
            throw error
        }
    }
}
