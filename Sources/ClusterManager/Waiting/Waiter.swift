// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// Follows the cluster's events until goals are reached; nothing is polled.
///
/// An agent that restarts, a cable that is out, a store without a leader end no wait: it goes on, at whichever agent answers,
/// for as long as its user wants.
package struct Waiter: Sendable {
    /// When a wait tries again, and when it speaks.
    package struct Rhythm: Sendable {
        /// Before a lost stream of events is opened again; twice as long after each failure, up to the longest.
        package var pause: Duration = .milliseconds(100)
        package var longestPause: Duration = .seconds(5)
        /// For how long nobody has answered when that is said.
        package var silence: Duration = .seconds(2)
        /// When it is first said again what is waited for; then after twice the time, up to the longest.
        package var reminder: Duration = .seconds(30)
        package var longestReminder: Duration = .seconds(600)

        package init() {}
    }

    /// What the cluster looked like before the command changed anything.
    package let before: FleetView
    private let fleet: any FleetService
    private let console: Console
    /// Whose events are followed; empty for everybody's.
    private let units: [UnitName]
    private let events: AsyncThrowingStream<FleetEvent, any Error>
    private let rhythm: Rhythm

    /// How often in a row a lost event stream is refused before the wait ends with that refusal: an agent that has just begun
    /// may know neither its store nor its callers.
    private static let mostRefusals = 8
    /// How many units are named to the event stream at most; beyond that it is cheaper to follow everything.
    private static let mostNamed = 100
    /// How many units are explained at a time, so that a thousand that wait do not hold up the events.
    private static let questionsPerTick = 10
    /// How often the progress line moves and old news are judged anew; no request comes of it.
    private static let tick: Duration = .milliseconds(250)
    /// From when on a person at a terminal is shown that the program works.
    private static let patience: Duration = .seconds(1)

    /// Opens the event stream and takes in the present state; what happens from then on is kept until it is waited for.
    ///
    /// To be called before the command changes anything.
    ///
    /// - Parameters:
    ///   - fleet: The cluster to follow.
    ///   - units: The units that will be waited for.
    ///   - console: Where failures, reasons and progress are shown.
    ///   - rhythm: People's, unless a test is in a hurry.
    /// - Throws: `ClusterManagerError` when the stream cannot be opened.
    package init(
        _ fleet: any FleetService, units: [UnitName], console: Console, rhythm: Rhythm = Rhythm()
    ) async throws {
        self.rhythm = rhythm
        self.fleet = fleet
        self.console = console
        self.units = units.count <= Self.mostNamed ? units : []
        self.events = try await fleet.events(of: self.units)
        var before = try await Self.presentState(in: events)
        for machine in try await fleet.machines() { before.apply(.machine(machine)) }
        self.before = before
    }

    /// Reads a new stream up to the point where changes begin.
    private static func presentState(in events: AsyncThrowingStream<FleetEvent, any Error>) async throws -> FleetView {
        var view = FleetView()
        for try await event in events {
            if event == .synchronised { return view }
            view.apply(event)
        }
        throw ClusterManagerError(.unreachable, "the cluster ended the stream of events", isTransient: true)
    }

    private enum Input: Sendable {
        case begin
        case event(FleetEvent)
        case view(FleetView)
        /// The stream is lost or could not be opened again; why.
        case silence(ClusterManagerError)
        case refused(ClusterManagerError)
        case tick
        case timeout
    }

    /// How a wait ended.
    package struct Result: Sendable {
        /// How goals were settled, in the order in which it was found out.
        package var outcomes: [WaitReport.Line]
        /// Where the other goals were when the wait was given up; none after one that went to its end.
        package var pending: [WaitReport.Line] = []
        /// `unitFailed` if a unit cannot reach its goal, `timedOut` when the time was up, the refusal when a lost event stream
        /// was refused again and again; `nil` when every goal was reached.
        package var error: ClusterManagerError?

        /// One of every goal.
        package var lines: [WaitReport.Line] { outcomes + pending }
    }

    /// Waits until every goal is settled.
    ///
    /// Failures and reasons for waiting go to standard error as they become known. For who asked for JSON the failure of a
    /// single goal is in the result's error instead, which tells it as the command's own.
    ///
    /// - Parameters:
    ///   - goals: What to wait for; none returns at once.
    ///   - onTheWay: Units for which the command waits again after this, so that a failure says nothing of what comes of them.
    ///   - settled: What earlier waits of the same command have seen of other units.
    ///   - timeout: When to give up; `nil` waits for ever.
    ///   - patience: The command's whole time, of which `timeout` is left.
    ///   - reached: Told of each unit that got where it should, at once.
    /// - Returns: What came of it, what was settled before included; failures are in it, not thrown, for the others' outcomes count too.
    package func wait(
        for goals: [WaitGoal], onTheWay: Set<UnitName> = [], after settled: [WaitReport.Line] = [],
        timeout: Duration?, of patience: Duration? = nil, reached: (WaitReport.Line) -> Void
    ) async -> Result {
        guard !goals.isEmpty else { return Result(outcomes: settled) }
        let clock = ContinuousClock()
        let start = clock.now
        var report = WaitReport(goals, after: settled)
        var progress = ProgressLine(console.errors)
        defer { progress.clear() }
        var view = before
        var explained: Set<UnitName> = []
        var attention: Duration = .zero
        var silence = Silence()
        var reminders = Reminders(rhythm)
        var isListed = units.isEmpty
        let isErrorOfUnit = goals.count + settled.count == 1 && console.errors.isJSON

        let (inputs, continuation) = AsyncStream.makeStream(of: Input.self)
        continuation.yield(.begin)
        let feeder = Task { await feed(continuation, timeout: timeout) }
        defer { feeder.cancel() }

        for await input in inputs {
            var changed: UnitName?
            switch input {
            case .begin: break
            case .event(let event):
                view.apply(event)
                changed = event.unit
                // What is explained of a unit holds until the unit or the machines change.
                if let changed { explained.remove(changed) } else { explained = [] }
                if let machine = changed.flatMap({ view.units[$0]?.machine }) { await name(machine, in: &view) }
            case .view(let new):
                view = new
                explained = []
                isListed = units.isEmpty
                if silence.end() { say("the cluster answers again", &progress) }
            case .silence(let error): silence.note(error.message, brief: error.inBrief)
            case .refused(let error):
                return Result(outcomes: report.outcomes, pending: report.unsettled(in: view), error: error)
            case .tick where silence.reason == nil:
                attention += Self.tick
                await explain(report.pending, in: &view, explained: &explained)
            case .tick:
                if let words = silence.words(after: rhythm.silence) {
                    say("\(words); still waiting for \(report.names)", &progress)
                }
            case .timeout:
                let nobody = silence.reason.map { "; nobody answers now: \($0)" } ?? ""
                let message = report.givenUp(after: patience ?? timeout ?? start.duration(to: clock.now)) + nobody
                return Result(
                    outcomes: report.outcomes, pending: report.unsettled(in: view),
                    error: ClusterManagerError(.timedOut, message))
            }
            if !isListed, report.pending.contains(where: { $0.asksForStarters(in: view, attention: attention) }) {
                isListed = true
                await list(in: &view)
            }
            let elapsed = start.duration(to: clock.now)
            let lines = report.update(view, changed: changed, attention: attention)
            if !lines.isEmpty { progress.clear() }
            for line in lines {
                if line.kind == .reached {
                    reached(line)
                } else if line.kind == .note || !(isErrorOfUnit || onTheWay.contains(line.unit)) {
                    console.errors.line("cluster-manager: \(line.text)")
                }
            }
            if report.isDone { break }
            // A person at a terminal sees the line below all the time.
            if reminders.isDue(elapsed), !console.errors.isTerminal {
                say(
                    report.progress(elapsed: elapsed) + (silence.brief.map { "; nobody answers: \($0)" } ?? ""),
                    &progress)
            }
            if elapsed >= Self.patience {
                progress.show((silence.reason == nil ? "" : "no answer; ") + report.progress(elapsed: elapsed))
            }
        }
        return Result(outcomes: report.outcomes, error: Self.failure(of: report.outcomes, on: console))
    }

    /// What a command ends with that has waited for units, by what came of them; `nil` when all got there.
    static func failure(of outcomes: [WaitReport.Line], on console: Console) -> ClusterManagerError? {
        let count = outcomes.count { $0.kind == .failed }
        guard count > 0 else { return nil }
        let message: String =
            if outcomes.count > 1 {
                "\(count) of \(outcomes.count) units did not get there"
            } else {
                // To a person everything has been said of a single unit.
                console.errors.isJSON ? outcomes.first?.text ?? "" : ""
            }
        return ClusterManagerError(.unitFailed, message)
    }

    /// Learns the address of a machine that has come since the wait began; a failure costs no more than the address.
    private func name(_ machine: String, in view: inout FleetView) async {
        guard view.machines[machine] == nil, let machines = try? await fleet.machines() else { return }
        for machine in machines { view.apply(.machine(machine)) }
    }

    /// Learns of the units that are not followed, among which may be what starts one; a failure costs no more than its name.
    private func list(in view: inout FleetView) async {
        guard let all = try? await fleet.units() else { return }
        for unit in all where view.units[unit.name] == nil { view.apply(.unit(unit)) }
    }

    /// Asks why units that shall be on a machine are on none, once per unit and change.
    ///
    /// The event stream does not carry reasons: the server works one out when somebody asks for a single unit. That
    /// happens on a tick, so that a unit which is merely about to be placed causes no question.
    private func explain(_ goals: [WaitGoal], in view: inout FleetView, explained: inout Set<UnitName>) async {
        var questions = 0
        for goal in goals {
            guard let unit = view.units[goal.unit], unit.desired > .inactive, unit.machine == nil, !unit.isGlobal,
                questions < Self.questionsPerTick, explained.insert(goal.unit).inserted
            else { continue }
            questions += 1
            // A question that fails is not worth ending the wait for; the stream tells whether the server is gone.
            guard let answer = try? await fleet.unit(goal.unit), let reason = answer.reason else { continue }
            view.note(reason, of: goal.unit)
        }
    }

    /// Brings events, ticks and the end of patience into one stream; ends when cancelled.
    private func feed(_ inputs: AsyncStream<Input>.Continuation, timeout: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // The wait itself says that nobody answers.
                await RequestObserver.$isSilenceTold.withValue(true) { await follow(inputs) }
            }
            group.addTask {
                // The tick moves the progress line and lets a report that stays the same become the answer.
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.tick)
                    inputs.yield(.tick)
                }
            }
            if let timeout {
                group.addTask {
                    try? await Task.sleep(for: timeout)
                    if !Task.isCancelled { inputs.yield(.timeout) }
                }
            }
        }
        inputs.finish()
    }

    private func say(_ words: String, _ progress: inout ProgressLine) {
        progress.clear()
        console.errors.line("cluster-manager: \(words)")
    }

    /// Passes events on, and mends a lost stream by a new one, which begins with the state of then.
    private func follow(_ inputs: AsyncStream<Input>.Continuation) async {
        // `init` has read the present state off this stream; the changes since then are still in it.
        var stream = events
        var pause = rhythm.pause
        while !Task.isCancelled {
            let opened = ContinuousClock.now
            var reason = ClusterManagerError(.refused, "the cluster ended the stream of events", isTransient: true)
            do {
                for try await event in stream { inputs.yield(.event(event)) }
            } catch {
                reason = ClusterManagerError(wrapping: error)
            }
            // One that breaks as soon as it is there is not asked for at once again and again.
            if ContinuousClock.now - opened > rhythm.longestPause { pause = rhythm.pause }
            guard let next = await reopened(inputs, since: reason, pause: &pause) else { return }
            stream = next
        }
    }

    /// Opens the stream again, however long that takes; `nil` when cancelled, and when it was refused.
    private func reopened(
        _ inputs: AsyncStream<Input>.Continuation, since reason: ClusterManagerError, pause: inout Duration
    ) async -> AsyncThrowingStream<FleetEvent, any Error>? {
        var reason = reason
        var refusals = 0
        while !Task.isCancelled {
            inputs.yield(.silence(reason))
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, rhythm.longestPause)
            do {
                let stream = try await fleet.events(of: units)
                var view = try await Self.presentState(in: stream)
                for machine in try await fleet.machines() { view.apply(.machine(machine)) }
                inputs.yield(.view(view))
                return stream
            } catch {
                let error = ClusterManagerError(wrapping: error)
                reason = error
                refusals = error.isTransient ? 0 : refusals + 1
                guard refusals < Self.mostRefusals else {
                    inputs.yield(.refused(error))
                    return nil
                }
            }
        }
        return nil
    }
}

extension FleetEvent {
    /// The unit that the event is about; `nil` for events that may concern any.
    package var unit: UnitName? {
        switch self {
        case .unit(let unit): unit.name
        case .unitGone(let name), .stateGone(let name, _): name
        case .state(let state): state.name
        case .machine, .machineGone, .synchronised: nil
        }
    }
}
