// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Decides what an agent does on its machine: from orders, files and systemd's word to claims, installs, starts and stops.
///
/// Each unit is led step by step, one operation at a time; every event moves the units that it names as far as they can go:
///
/// ```
/// ordered:      claim -> install -> start (or stay loaded) -> restart or stop as the order changes
/// not ordered:  stop -> uninstall -> withdraw the claim -> forgotten
/// ```
///
/// A restart of the agent goes through `entered` and touches no unit whose file and target state are in force already.
package struct AgentCore: Sendable, Equatable {
    package enum Operation: Hashable, Sendable {
        case claiming, installing, starting, restarting, stopping, uninstalling, withdrawing
    }

    struct Entry: Hashable, Sendable {
        var order: Order?
        /// The store holds a state key of this machine for the unit, under the present session.
        var isClaimed = false
        /// A claim or a withdrawal brought no answer: the store may hold the key all the same, so it is deleted before the unit is forgotten.
        var isClaimDoubtful = false
        /// The store refused a claim for this order: its successor, or its end, is on the way.
        var isOrderStale = false
        var file: InstalledFile?
        /// What was last issued to systemd for the file in force.
        var acted: TargetState = .inactive
        var restarts = 0
        /// The number that the start or restart under way was issued for.
        var issuedRestarts = 0
        /// A job that systemd has queued and of which nothing has shown yet.
        var start: PendingStart?
        /// How often in a row systemd has not started the unit.
        var refusals = 0
        /// What systemd said of the last order, when it was not simply carried out.
        var remark: String?
        /// What it said of the last start that failed; a remark that is the same is that one.
        var startFailure: String?
        /// How the last run ended that failed.
        var failure: String?
        var pace = ReportPace()
        /// How often systemd itself has started the unit again since it was last ordered to start.
        var automaticRestarts = 0
        /// When it last came up by itself: systemd tried again, or its timer, its socket or another unit started it.
        var cameUp: Moment?
        /// The file that the running processes were started from, when another one is in force since: it needs a restart.
        var outdated: ContentHash?
        var observed: Observation?
        /// What runs was started by something else, from a file that is no longer in force: it needs a restart when it is ordered.
        var isOfFormerFile = false
        /// When systemd told of the last change; `nil` while none was seen.
        var changed: Moment?
        /// Stopped since `observed` was told, which may be older than the stop.
        var isStopped = false
        /// Stopping it does not help, since something starts it again: only without its file it stays down.
        var isRevived = false
        /// Begun to be taken away, or damaged by somebody: systemd may not find its file any more.
        var isUnlinked = false
        /// What is known of a run of a unit that runs once, until its job ends.
        var work: Work?
        /// The end that the unit came to elsewhere, for which it is not started here.
        var heldBack: Completion?
        /// Why the file could not be installed; shown as the unit's state.
        var problem: String?
        var operation: Operation?
        /// No new operation before this moment, after a failure.
        var retry: Moment?
        /// The state that the store is known to hold.
        var published: UnitState?

        /// systemd's last word is that it is not down, and it was not stopped since.
        var isUp: Bool { !isStopped && observed.map { !$0.isDown } ?? false }
    }

    package let machine: MachineID
    /// From a failed operation to the next attempt.
    package static let retryInterval = Duration.seconds(1)
    /// The longest pause between two attempts at what goes on failing.
    package static let longestRetryInterval = Duration.seconds(60)

    var entries: [UnitName: Entry] = [:]
    var ledger = Ledger()
    /// The machine holds its session and the agent knows what it is ordered.
    var isServing = false
    /// States on their way to the store, by unit; one batch at a time.
    var publishing: [UnitName: UnitState] = [:]
    /// Nothing is published before this moment, after a failure.
    var publishRetry: Moment?
    /// Units that must be looked at before `handle` returns.
    private var touched: Set<UnitName> = []
    /// Units whose published state may be out of date.
    var unpublished: Set<UnitName> = []

    package init(machine: MachineID) { self.machine = machine }

    /// Units that must be dead before the session can end, in name order.
    package var fencedUnits: [UnitName] {
        entries.filter { $0.value.file.map { !$0.isKept } ?? false }.keys.sorted()
    }

    package mutating func handle(_ event: AgentEvent, at now: Moment) -> AgentDirectives {
        take(event, at: now)
        var directives = AgentDirectives()
        guard isServing else {
            touched = []
            return directives
        }
        for unit in touched.sorted() { advance(unit, at: now, into: &directives) }
        touched = []
        publish(at: now, into: &directives)
        record(into: &directives)
        let due = entries.values.flatMap { [$0.retry, $0.pace.held] } + [publishRetry, ledger.retry]
        directives.wake = due.compactMap(\.self).min()
        return directives
    }

    // MARK: What an event changes

    private mutating func take(_ event: AgentEvent, at now: Moment) {
        switch event {
        case .entering: isServing = false
        case .entered(let own, let orders, let installed, let observed):
            enter(own: own, orders: orders, installed: installed, observed: observed)
        case .ordered(let orders, let gone):
            for order in orders {
                update(order.unit) { entry in
                    if entry.order?.assignment.hash != order.assignment.hash { entry.problem = nil }
                    if order.repeats(entry.order) { entry.published = nil }
                    entry.order = order
                    entry.isOrderStale = false
                    entry.isRevived = false
                    entry.retry = nil
                    entry.refusals = 0
                    entry.pace = ReportPace()
                }
                // Whoever stops a unit and starts it again wants it to run again.
                if order.assignment.target < .launched { ledger.known[order.unit] = nil }
            }
            for unit in gone where entries[unit] != nil {
                update(unit) {
                    $0.order = nil
                    $0.retry = nil
                }
            }
        case .claimed(let granted, let lost):
            for state in granted {
                finish(state.unit, .claiming) {
                    $0.isClaimed = true
                    $0.isClaimDoubtful = false
                    $0.published = state
                }
            }
            // The order changed or went meanwhile; the watch has brought, or will bring, what holds now.
            for order in lost { finish(order.unit, .claiming) { if $0.order == order { $0.isOrderStale = true } } }
        case .claimFailed(let units):
            for unit in units where entries[unit]?.operation == .claiming {
                entries[unit]?.isClaimDoubtful = true
                fail(unit, .claiming, at: now)
            }
        case .installed(let file): installed(file)
        case .installFailed(let unit, let reason, let fault): installFailed(unit, reason, fault, at: now)
        case .damaged(let units): damaged(units)
        case .missing(let unit): missing(unit)
        case .uninstalled(let units): uninstalled(units)
        case .uninstallFailed(let unit, let reason): fail(unit, .uninstalling, at: now, remark: reason)
        case .issued(let unit): issued(unit)
        case .issueFailed(let unit, let reason):
            fail(unit, .starting, at: now, remark: reason)
            fail(unit, .restarting, at: now, remark: reason)
        case .startEnded(let unit, let end): startEnded(unit, end, at: now)
        case .stopped(let unit):
            finish(unit, .stopping) {
                $0.acted = .loaded
                $0.outdated = nil
                $0.isStopped = true
                $0.isOfFormerFile = false
                $0.start = nil
                $0.remark = nil
            }
        case .stopFailed(let unit, let reason): fail(unit, .stopping, at: now, remark: reason)
        case .runsAgain(let unit, let reason):
            if entries[unit]?.order == nil {
                finish(unit, .stopping) { $0.isRevived = true }
            } else {
                fail(unit, .stopping, at: now, remark: reason)
            }
        case .observed(let observations): for one in observations { observe(one, at: now) }
        case .explained(let unit, let failure):
            // systemd speaks of a unit that runs again by now as of one that has not failed.
            guard let entry = entries[unit], entry.observed?.showsFailure == true else { return }
            // The word on a start that failed stands while systemd tries again, and no longer.
            let isOfStart = entry.remark != nil && entry.remark == entry.startFailure
            // What is known may say as much, of the start itself or of the process that failed.
            guard (isOfStart ? entry.remark : entry.failure)?.contains(failure) != true else { return }
            update(unit) {
                if isOfStart { $0.remark = nil }
                $0.failure = failure
            }
        case .jobEnded(let unit, let end): jobEnded(unit, end)
        case .completed(let completions, let units): learn(completions, of: units)
        case .recorded: ledger.recording = []
        case .recordFailed: recordFailed(retry: now + Self.retryInterval)
        case .published(let states): published(states)
        case .publishFailed: publishFailed(at: now)
        case .claimsGone(let units):
            for unit in units where entries[unit]?.isClaimed == true && entries[unit]?.operation != .withdrawing {
                update(unit) {
                    $0.isClaimed = false
                    $0.published = nil
                }
            }
        case .withdrawn(let units):
            for unit in units {
                finish(unit, .withdrawing) {
                    $0.isClaimed = false
                    $0.isClaimDoubtful = false
                    $0.published = nil
                }
            }
        case .withdrawFailed(let units):
            for unit in units where entries[unit]?.operation == .withdrawing {
                // The key may be gone all the same: an order that comes now needs a claim of its own (rule R1).
                entries[unit]?.isClaimed = false
                entries[unit]?.isClaimDoubtful = true
                entries[unit]?.published = nil
                fail(unit, .withdrawing, at: now)
            }
        case .left: leave()
        case .woke: wake(at: now)
        }
    }

    mutating func update(_ unit: UnitName, _ change: (inout Entry) -> Void) {
        change(&entries[unit, default: Entry()])
        touched.insert(unit)
        unpublished.insert(unit)
    }

    /// Takes in the success of an operation; a late answer to one that is no longer under way changes nothing.
    mutating func finish(_ unit: UnitName, _ operation: Operation, _ change: (inout Entry) -> Void) {
        guard entries[unit]?.operation == operation else { return }
        update(unit) { entry in
            entry.operation = nil
            change(&entry)
        }
    }

    mutating func fail(
        _ unit: UnitName, _ operation: Operation, at now: Moment, pause: Duration = retryInterval, remark: String? = nil
    ) {
        guard entries[unit]?.operation == operation else { return }
        update(unit) { entry in
            entry.operation = nil
            entry.remark = remark ?? entry.remark
            entry.retry = now + pause
        }
    }

    private mutating func published(_ states: [UnitState]) {
        for state in states where publishing[state.unit] != nil && entries[state.unit]?.isClaimed == true {
            entries[state.unit]?.published = state
            unpublished.insert(state.unit)
        }
        touched.formUnion(publishing.keys)
        publishing = [:]
    }

    private mutating func publishFailed(at now: Moment) {
        guard !publishing.isEmpty else { return }
        // What the store holds of them is unknown now, so whatever holds next is written again.
        for unit in publishing.keys { entries[unit]?.published = nil }
        unpublished.formUnion(publishing.keys)
        touched.formUnion(publishing.keys)
        publishing = [:]
        publishRetry = now + Self.retryInterval
    }

    private mutating func observe(_ observation: Observation, at now: Moment) {
        guard let entry = entries[observation.unit] else { return }
        let isAnotherTry = observation.sub == "auto-restart" && entry.observed?.sub != "auto-restart"
        let isUnordered = entry.operation == nil && entry.start == nil && entry.observed?.isDown == true
        update(observation.unit) {
            if $0.observed?.active != observation.active { $0.changed = now }
            $0.observed = observation
            $0.isStopped = false
            if observation.isDown { $0.isOfFormerFile = false } else { $0.heldBack = nil }
            if !observation.showsFailure { $0.failure = nil }
            if isAnotherTry { $0.automaticRestarts += 1 }
            if isAnotherTry || isUnordered && !observation.isDown { $0.cameUp = now }
        }
        noticeStart(observation, before: entry.observed)
        noticeWork(observation)
    }

    private mutating func wake(at now: Moment) {
        if let retry = publishRetry, retry <= now { publishRetry = nil }
        if let retry = ledger.retry, retry <= now { ledger.retry = nil }
        for (unit, entry) in entries {
            if let retry = entry.retry, retry <= now { update(unit) { $0.retry = nil } }
            if let held = entry.pace.held, held <= now { update(unit) { $0.pace.held = nil } }
        }
    }

    // MARK: What to do next

    /// Starts the next operation of one unit, if it needs one and none is under way.
    private mutating func advance(_ unit: UnitName, at now: Moment, into directives: inout AgentDirectives) {
        guard let entry = entries[unit], entry.operation == nil, entry.retry == nil else { return }
        guard let order = entry.order else { return release(unit, entry, into: &directives) }
        let assignment = order.assignment
        if !entry.isClaimed {
            guard !entry.isOrderStale else { return }
            entries[unit]?.operation = .claiming
            directives.claim.append(order)
        } else if assignment.target < .launched, entry.acted == .launched, entry.file != nil {
            // Nothing that keeps its file from being written keeps it from being stopped.
            entries[unit]?.operation = .stopping
            directives.stop.append(unit)
        } else if entry.file?.hash != assignment.hash || entry.isUnlinked {
            entries[unit]?.operation = .installing
            directives.install.append(order)
        } else if assignment.target == .launched, entry.acted < .launched, let done = isDone(entry) {
            entries[unit]?.acted = .launched
            entries[unit]?.restarts = assignment.restarts
            entries[unit]?.heldBack = done.machine == machine ? nil : done
            unpublished.insert(unit)
        } else if assignment.target == .launched, entry.acted < .launched, !entry.isOfFormerFile {
            entries[unit]?.operation = .starting
            entries[unit]?.issuedRestarts = assignment.restarts
            directives.start.append(unit)
        } else if assignment.target == .launched,
            entry.outdated != nil || entry.isOfFormerFile || entry.restarts < assignment.restarts
        {
            entries[unit]?.operation = .restarting
            // What is at work now is not what this order starts: its end is not the end of that.
            let isUnderWay = entry.observed?.active == "activating" || entry.start != nil
            entries[unit]?.work = isUnderWay ? .overtaken : nil
            entries[unit]?.issuedRestarts = assignment.restarts
            directives.restart.append(unit)
        }
    }
}
