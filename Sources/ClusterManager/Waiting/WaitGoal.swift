// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What a command waits for on one unit.
package struct WaitGoal: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// On a machine, file known to systemd there, not running.
        case loaded
        /// Running, or run to its end.
        case running
        /// On its machine, not running any more.
        case stopped
        /// On no machine.
        case unloaded
        /// Running anew since the command.
        case restarted
        /// Unknown to the cluster, and running nowhere.
        case gone
    }

    package var unit: UnitName
    package var kind: Kind
    /// What the unit's machine reported just before the command changed something; `nil` if nothing was reported or if
    /// the command had nothing to change.
    ///
    /// A failed or finished run of before must not be taken for the outcome of this command.
    package var before: FleetUnitState?
    /// The same of a global unit, by machine.
    package var formers: [String: FleetUnitState] = [:]
    /// Hash of the file that this command gave the unit; `nil` if it left the file alone.
    package var hash: String?

    package init(_ unit: UnitName, _ kind: Kind, before: FleetUnitState? = nil, hash: String? = nil) {
        self.unit = unit
        self.kind = kind
        self.before = before
        self.hash = hash
    }
}

extension WaitGoal.Kind {
    /// What the cluster goes on doing when nobody waits any more, and the command that undoes it, if one does.
    ///
    /// - Parameter former: What was wanted of the unit before; `nil` when the cluster did not know it.
    /// - Returns: Two participles, and a verb of this program.
    func afterwards(_ former: TargetState?) -> (doing: String, done: String, undoing: String?) {
        switch self {
        case .loaded: ("loading", "loaded", Self.lowering(to: former, below: .loaded))
        case .running: ("starting", "started", Self.lowering(to: former, below: .launched))
        case .stopped: ("stopping", "stopped", "start")
        // A unit that ran does not run again by being loaded.
        case .unloaded: ("unloading", "unloaded", former == .launched ? "start" : former == .loaded ? "load" : nil)
        case .restarted: ("restarting", "restarted", nil)
        case .gone: ("destroying", "destroyed", nil)
        }
    }

    /// The command that brings a unit down again to what was wanted of it; `nil` when that was no less than `target`.
    private static func lowering(to former: TargetState?, below target: TargetState) -> String? {
        guard let former else { return "destroy" }
        guard former < target else { return nil }
        return former == .inactive ? "unload" : "stop"
    }
}

/// How far a goal is.
package enum WaitVerdict: Hashable, Sendable {
    /// Not there yet; the reason, when there is one that a user must know, such as that no machine takes the unit.
    case pending(reason: String?)
    /// There; the line to print.
    case reached(String)
    /// It cannot be reached without somebody doing something; why.
    case failed(String)
}

extension WaitGoal {
    /// For how long what looks as before the command is taken for old news rather than for the outcome.
    ///
    /// The view may be older than the command's own request, which the event stream brings within milliseconds. And systemd leaves a unit's timestamps alone when a start is refused outright (start limit), so the same report can
    /// also be the answer; a machine's agent answers within milliseconds.
    package static let staleness: Duration = .seconds(5)
    /// For how long what a machine has just done may still show otherwise.
    package static let settling: Duration = .seconds(1)
    /// For how long the reason of a failure is waited for: of a unit that changes much a machine tells it a second late (`ReportPace.rest`).
    package static let reasoning: Duration = .seconds(2)
    /// After this long a wait says what it waits for (no verb waits longer without a word).
    package static let speechless: Duration = .seconds(2)

    /// LoadState values with which systemd cannot start a unit.
    private static let unloadable: Set<String> = ["bad-setting", "error", "masked", "not-found"]
    /// ACTIVE states of a unit at which systemd is at work.
    private static let underWay: Set<String> = ["activating", "deactivating", "reloading"]

    /// Judges the goal by what is known of the cluster.
    ///
    /// - Parameters:
    ///   - view: The cluster as the event stream has told it so far.
    ///   - attention: For how long events have been listened to since the command was carried out. Time in which this
    ///     process did not get to run does not count, since then the news lie unread.
    ///   - quiet: How much of that time has passed since something was heard of the unit; `nil` when nothing was.
    /// - Returns: Whether the goal is reached, pending or out of reach, with the words for it.
    package func verdict(in view: FleetView, attention: Duration, quiet: Duration? = nil) -> WaitVerdict {
        let quiet = quiet ?? attention
        let verdict = judge(view, attention: attention, quiet: quiet)
        guard verdict == .pending(reason: nil), attention >= Self.speechless else { return verdict }
        return .pending(reason: standing(in: view, quiet: quiet))
    }

    /// What is seen of the unit while nothing stands against it; `nil` where there is nothing to see.
    private func standing(in view: FleetView, quiet: Duration) -> String? {
        // How many machines are not there yet has been said.
        guard view.units[unit]?.isGlobal != true else { return nil }
        let home = view.units[unit]?.machine
        let states = view.states[unit]?.values.sorted { $0.machine < $1.machine } ?? []
        let isEnding = [.stopped, .unloaded, .gone].contains(kind)
        // Why it was not started has no place in a wait for its end.
        func words(_ state: FleetUnitState) -> String? {
            state.health.flatMap { isEnding && FleetUnitState.isOfStart($0) ? nil : $0 }
        }
        if home == nil, let former = states.first, [.loaded, .running, .restarted].contains(kind) {
            // The unit is leaving that machine, or it is a destroyed unit's of its name.
            return "its former run on \(view.label(of: former.machine)) ends first"
        }
        if let state = states.first(where: { $0.machine == home }) ?? states.first, !state.active.isEmpty {
            let isUnderWay = Self.underWay.contains(state.active)
            let isToEnd = !state.isDown && isEnding
            // systemd's reason for a failure follows at once.
            if state.active == "failed" { return nil }
            // Whether that is an end shows in a moment.
            if state.active == "inactive", quiet < Self.settling { return nil }
            // That it runs, or has ended, may be what was so before the command.
            if isToEnd, let health = words(state), !FleetUnitState.isOfRun(health) {
                // Said before the command, and still so.
                return Self.holding(state, health, in: view)
            }
            guard isUnderWay || isToEnd else {
                // What it said of the order before may be what it is about to say of this one.
                let former = words(state).map { ", and before: \($0)" } ?? ""
                return "\(view.label(of: state.machine)) has said nothing new of it yet\(former)"
            }
            // Of a unit that systemd starts again and again, how its last run ended.
            let reason = words(state).map { ": \($0)" } ?? ""
            return "systemd on \(view.label(of: state.machine)) says \(state.active) (\(state.sub))\(reason)"
        }
        guard let home else {
            return [.loaded, .running, .restarted].contains(kind) && view.units[unit] != nil
                ? "nobody has decided yet where it goes" : nil
        }
        let said = states.first { $0.machine == home }.flatMap(words)
        return view.label(of: home) + (said.map { ": \($0)" } ?? " has said nothing of it yet")
    }

    private func judge(_ view: FleetView, attention: Duration, quiet: Duration) -> WaitVerdict {
        guard let record = view.units[unit] else { return verdictOfUnknown(in: view, attention: attention) }
        // Until the view has this command's file, and the machine too, reports are about the file before.
        if let hash, record.hash != hash { return .pending(reason: nil) }
        let state = view.state(of: unit)
        if record.isGlobal, kind != .gone, kind != .unloaded {
            return verdictOfGlobal(record, in: view, attention: attention, quiet: quiet)
        }
        switch kind {
        case .gone:
            // The view may be older than this command's own request.
            guard attention >= Self.staleness else { return .pending(reason: nil) }
            return .failed("unit \(unit) was made anew while this command waited for its end")
        case .unloaded:
            guard record.desired == .inactive else { return .pending(reason: nil) }
            return record.machine == nil && state == nil ? .reached("Unit \(unit) inactive") : .pending(reason: nil)
        case .loaded, .stopped:
            return verdictOfLoading(record, state, in: view, attention: attention, quiet: quiet)
        case .running, .restarted:
            return verdictOfRunning(record, state, in: view, attention: attention, quiet: quiet)
        }
    }

    private func verdictOfUnknown(in view: FleetView, attention: Duration) -> WaitVerdict {
        switch kind {
        case .gone, .unloaded:
            // The record goes at once; the machine's report goes when the unit has stopped there.
            guard let states = view.states[unit]?.values.sorted(by: { $0.machine < $1.machine }) else {
                return .reached(kind == .gone ? "Destroyed \(unit)" : "Unit \(unit) inactive")
            }
            return .pending(reason: states.lazy.compactMap { hindrance($0, in: view) }.first)
        case .loaded, .running, .stopped, .restarted:
            guard attention >= Self.staleness else { return .pending(reason: nil) }
            return .failed("unit \(unit) was destroyed while this command waited for it")
        }
    }

    /// Why a machine does not get a unit down, when it says so since the command.
    private func hindrance(_ state: FleetUnitState, in view: FleetView) -> String? {
        let isLeaving = kind == .gone || kind == .unloaded
        guard let health = state.health, isLeaving || !state.isDown, health != before?.health,
            !FleetUnitState.isOfRun(health), !FleetUnitState.isOfStart(health)
        else { return nil }
        return Self.holding(state, health, in: view)
    }

    private static func holding(_ state: FleetUnitState, _ health: String, in view: FleetView) -> String {
        "still on \(view.label(of: state.machine)): \(health)"
    }

    /// Whether its end depends on what else starts the unit, so that all units are of interest.
    func asksForStarters(in view: FleetView, attention: Duration) -> Bool {
        guard kind == .stopped, let record = view.units[unit], let state = view.state(of: unit) else { return false }
        let isActedOn = (state.acted ?? record.current) == .loaded || state.health == UnitState.revivedWords
        return record.desired == .loaded && isActedOn && (state.isDown || attention >= Self.settling)
    }

    /// That the unit runs although it is stopped, since another one has started it.
    private func revived(_ record: FleetUnit, _ state: FleetUnitState, in view: FleetView) -> WaitVerdict {
        let starters = view.starters(of: record).map(\.words)
        // Where nothing is known that starts it, there is nothing to stop but the unit itself.
        let cause =
            if starters.isEmpty {
                "something that is stopped by now, or somebody by hand, has started it; "
                    + "'cluster-manager unload \(unit)' ends it"
            } else {
                "there \(starters.few(3)) start\(starters.count == 1 ? "s it; stop that one" : " it; stop those")"
                    + ", or 'cluster-manager unload \(unit)'"
            }
        return .failed(
            "unit \(unit) is loaded only and runs on \(view.label(of: state.machine)) all the same: \(cause)")
    }

    func verdictOfLoading(
        _ record: FleetUnit, _ state: FleetUnitState?, in view: FleetView, attention: Duration, quiet: Duration
    ) -> WaitVerdict {
        // A unit that is to run counts as loaded only for `load`, which does not stop it.
        let isWanted = kind == .loaded ? record.desired >= .loaded : record.desired == .loaded
        guard isWanted else { return verdictOfOtherTarget(record, attention: attention) }
        guard let machine = record.machine else {
            guard kind == .stopped, state == nil else { return .pending(reason: record.reason) }
            // It runs nowhere, and will be loaded only, wherever it comes to.
            return .reached("Unit \(unit) runs nowhere, and is on no machine yet")
        }
        guard let state else { return .pending(reason: nil) }
        guard isAbout(record, state) else {
            if kind == .loaded {
                return refusalOfChange(state, in: view, attention: attention) ?? .pending(reason: nil)
            }
            // A file that the machine has not got yet changes nothing about a unit that is down and that it is not to start.
            let isKnown = !state.active.isEmpty || state.health != nil
            return isKnown && state.isDown && (state.acted ?? record.current ?? .launched) < .launched
                ? .reached("Unit \(unit) does not run on \(view.label(of: machine))")
                : .pending(reason: hindrance(state, in: view))
        }
        guard let current = state.acted ?? record.current, current >= .loaded else {
            // What a machine could not install runs there no more than it did.
            if kind == .stopped, state.isDown, state.health != nil {
                return .reached("Unit \(unit) does not run on \(view.label(of: machine))")
            }
            return refusal(state, in: view, attention: attention) ?? .pending(reason: nil)
        }
        let isUnloadable = Self.unloadable.contains(state.load)
        if kind == .loaded, let reason = loss(state, in: view) { return .pending(reason: reason) }
        if kind == .loaded, isUnloadable {
            return loadFailure(state, in: view, attention: attention) ?? .pending(reason: nil)
        }
        if kind == .stopped {
            let isRevived = !state.isDown && state.health == UnitState.revivedWords && view.isHeldUp(record)
            guard current == .loaded || isRevived else { return .pending(reason: hindrance(state, in: view)) }
            guard state.isDown else {
                // What the machine was told to stop it has stopped by now, or it says why not.
                guard attention >= Self.settling else { return .pending(reason: hindrance(state, in: view)) }
                return revived(record, state, in: view)
            }
            // What systemd cannot load it cannot start either: the stop is done.
            if isUnloadable {
                return .reached(
                    "Unit \(unit) does not run on \(view.label(of: machine)), where systemd cannot load it (\(state.load))"
                )
            }
        }
        // What another unit upholds is up again a moment after its stop.
        if kind == .stopped, quiet < Self.settling, view.isHeldUp(record) { return .pending(reason: nil) }
        return .reached("Unit \(unit) loaded on \(view.label(of: machine))")
    }

    func verdictOfRunning(
        _ record: FleetUnit, _ state: FleetUnitState?, in view: FleetView, attention: Duration, quiet: Duration
    ) -> WaitVerdict {
        guard record.desired == .launched else { return verdictOfOtherTarget(record, attention: attention) }
        guard let machine = record.machine else { return .pending(reason: record.reason) }
        guard let state else { return .pending(reason: nil) }
        guard isAbout(record, state) else {
            return refusalOfChange(state, in: view, attention: attention) ?? .pending(reason: nil)
        }
        guard (state.acted ?? record.current) == .launched else {
            return refusal(state, in: view, attention: attention) ?? .pending(reason: nil)
        }
        // What is up goes on without its file. Of a file that this command brings it counts whether systemd takes it.
        let isUnloadable = Self.unloadable.contains(state.load) && (state.isDown || hash != nil)
        if isUnloadable, let failure = loadFailure(state, in: view, attention: attention) { return failure }
        // What the machine says before it has acted on the last request is about the one before.
        guard state.restarts >= record.restarts else {
            return refusalOfChange(state, in: view, attention: attention) ?? .pending(reason: nil)
        }
        if isUnloadable { return .pending(reason: nil) }
        let isAnswer = isNews(state) || attention >= Self.staleness
        let place = view.label(of: machine)
        switch state.active {
        case "active", "reloading":
            return kind == .restarted && !isNews(state)
                ? .pending(reason: nil) : .reached("Unit \(unit) launched on \(place)")
        case "failed":
            // systemd's reason follows the failure.
            guard isAnswer, state.health != nil || quiet >= Self.reasoning else { return .pending(reason: nil) }
            let reason = state.health.map { ": \(FleetUnitState.cause($0).clause)" } ?? ""
            return .failed("unit \(unit) failed on \(place)\(reason); see 'cluster-manager status \(unit)'")
        case "inactive":
            guard isAnswer else { return .pending(reason: nil) }
            if let reason = state.health { return .reached("Unit \(unit) launched on \(place), but \(reason)") }
            // A machine says "launched" when systemd has shown or said what came of the start; one with an agent of an earlier
            // version may be between the stop and the start that a new file brings.
            guard hash == nil || attention >= Self.staleness else { return .pending(reason: nil) }
            guard state.since > 0 || attention >= Self.settling else { return .pending(reason: nil) }
            // The restart of a unit that this one is bound to stops it for an instant.
            guard record.isOneshot || quiet >= Self.settling else { return .pending(reason: nil) }
            return .reached("Unit \(unit) launched on \(place), and has finished")
        default:
            return .pending(reason: loss(state, in: view))
        }
    }

    /// Whether a report differs from what was known before the command.
    private func isNews(_ state: FleetUnitState) -> Bool {
        guard let before else { return true }
        return state.since != before.since || state.machine != before.machine || state.restarts != before.restarts
    }

    /// What a machine says of a unit that it could not install or start; `nil` when it says nothing.
    private func refusal(_ state: FleetUnitState, in view: FleetView, attention: Duration) -> WaitVerdict? {
        let isNew = isNews(state) || state.health != before?.health || attention >= Self.staleness
        return objection(state, isNew: isNew, in: view, "is not up")
    }

    /// What a machine says against a restart or a new file of a unit that goes on as before; `nil` when it says nothing.
    ///
    /// Unlike `refusal`, it goes by the words alone: the unit's times and numbers are those of its former run.
    private func refusalOfChange(_ state: FleetUnitState, in view: FleetView, attention: Duration) -> WaitVerdict? {
        // While systemd works at the order, the words are still those about the one before.
        guard !Self.underWay.contains(state.active) else { return nil }
        let isNew =
            state.health != before?.health || state.machine != before?.machine || attention >= Self.staleness
        let fate = state.isDown ? "is not up" : kind == .loaded ? "has not got its new file" : "was not restarted"
        return objection(state, isNew: isNew, in: view, fate)
    }

    /// What a machine's words make of a wait; `nil` when there are none, or when they may be about the order before.
    private func objection(_ state: FleetUnitState, isNew: Bool, in view: FleetView, _ fate: String) -> WaitVerdict? {
        // How the last run ended says nothing of the next one.
        guard let reason = state.health, !FleetUnitState.isOfRun(reason) else { return nil }
        let place = view.label(of: state.machine)
        if reason.hasPrefix(UnitState.queuedWord) { return .pending(reason: "on \(place), \(reason)") }
        return isNew ? .failed("unit \(unit) \(fate) on \(place): \(reason.clause); the machine tries again") : nil
    }

    /// Whether the machine speaks of the file that the unit has now; one that names no file is believed.
    private func isAbout(_ record: FleetUnit, _ state: FleetUnitState) -> Bool {
        state.hash.isEmpty || state.hash == record.hash
    }

    /// Somebody else wants something else of the unit, unless the view is older than this command's own request.
    func verdictOfOtherTarget(_ record: FleetUnit, attention: Duration) -> WaitVerdict {
        guard attention >= Self.staleness else { return .pending(reason: nil) }
        return .failed("unit \(unit) was set to \(record.desired.rawValue) while this command waited for it")
    }

    /// What a unit that is up waits for when its file is gone from its machine; `nil` when that is not so.
    private func loss(_ state: FleetUnitState, in view: FleetView) -> String? {
        guard state.load == "not-found", !state.isDown else { return nil }
        return "its file is gone from \(view.label(of: state.machine)), which puts it back"
    }

    /// systemd cannot load the unit; `nil` while that may be about the file before this command's.
    private func loadFailure(_ state: FleetUnitState, in view: FleetView, attention: Duration) -> WaitVerdict? {
        let isNew = state.load != before?.load || state.machine != before?.machine
        guard isNew || attention >= Self.staleness else { return nil }
        return .failed(
            "systemd on \(view.label(of: state.machine)) cannot load unit \(unit) (\(state.load));"
                + " see 'cluster-manager status \(unit)'")
    }
}

extension String {
    /// Without the full stop of systemd's sentences, where ours goes on.
    fileprivate var clause: String { hasSuffix(".") ? String(dropLast()) : self }
}
