// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Runs one machine's units; mirrors `AgentShell.swift`, `UnitFolder.swift` and `UnitFence.swift` of the node agent.
final class AgentShell {
    unowned let process: AgentProcess
    var host: Host { process.host }
    var world: World { process.world }
    private(set) var core: AgentCore
    private(set) var scope = Scope()
    private var timer = 0
    /// Calls to systemd that have not been answered.
    var callsUnderWay = 0
    private var lastWord: Int64 = 0
    /// How many changes of units systemd has told of, and the number of the last one of each unit.
    private(set) var changeMark = 0
    private var lastChange: [UnitName: Int] = [:]
    /// Where this machine's states and its record stand in the store's history.
    var stateRevisions: [UnitName: Int64] = [:]
    private(set) var recordRevision: Int64 = 0
    private var patience = SchedulePatience()
    private var holdsOrders: Bool?
    private var isTroubled = false

    init(process: AgentProcess) {
        self.process = process
        core = AgentCore(machine: process.host.id)
        scope.cancel()
    }

    /// The session lives: adopt what runs, then follow the schedule.
    func enter(_ lease: SessionLease, record revision: Int64) {
        endTenure()
        _ = core.handle(.entering, at: host.now)
        recordRevision = revision
        scope = Scope()
        let tenure = scope
        listen(tenure)
        follow(lease, tenure)
    }

    func endTenure() { scope.cancel() }

    /// Sees every fenced unit dead; `done` when they are.
    func fence(kill: Moment, _ done: @escaping () -> Void) {
        endTenure()
        let fenced = host.runtime.files.filter { !$0.value.isKept }.keys.sorted()
        stop(fenced, kill: kill) { [self] in
            // A start that was on its way when the tenure ended reaches systemd first.
            settle { [self] in
                stop(fenced, kill: kill) { [self] in
                    for unit in fenced { host.runtime.started[unit] = nil }
                    patience.fenced(at: host.now)
                    _ = core.handle(.left, at: host.now)
                    done()
                }
            }
        }
    }

    func stopAll(_ done: @escaping () -> Void) {
        endTenure()
        settle { [self] in
            stop(host.runtime.files.keys.sorted(), kill: host.now + .seconds(60), done)
        }
    }

    /// Waits until systemd has answered every call.
    private func settle(_ done: @escaping () -> Void) {
        guard callsUnderWay > 0 else { return done() }
        process.after(Span.millisecond) { [self] in settle(done) }
    }

    // MARK: Fence

    private static let lookInterval = 50 * Span.millisecond

    private func stop(_ names: [UnitName], kill: Moment, _ done: @escaping () -> Void) {
        guard !names.isEmpty else { return done() }
        bus { [self] in
            for name in names { host.systemd.stop(name) {} }
        } then: { [self] in
            look(names, kill: kill, done)
        }
    }

    private func look(_ names: [UnitName], kill: Moment, _ done: @escaping () -> Void) {
        bus { [self] in
            names.filter { !host.systemd.observation(of: $0).isDown }
        } then: { [self] alive in
            guard !alive.isEmpty else { return done() }
            guard host.now >= kill else {
                return process.after(Self.lookInterval) { [self] in look(names, kill: kill, done) }
            }
            bus { [self] in
                for name in alive { host.systemd.kill(name) }
                for name in alive { host.systemd.stop(name) {} }
            } then: { [self] in
                process.after(Self.lookInterval) { [self] in look(names, kill: kill, done) }
            }
        }
    }

    // MARK: D-Bus

    /// A call to systemd: there, done, and back; lost when the process dies before it left.
    func bus<Value>(_ work: @escaping () -> Value, then done: @escaping (Value) -> Void) {
        callsUnderWay += 1
        let systemd = host.systemd
        world.after(world.random.between(200 * Span.microsecond, 3 * Span.millisecond)) { [self] in
            guard host.isOn, host.systemd === systemd else { return }
            let value = work()
            world.after(world.random.between(200 * Span.microsecond, 2 * Span.millisecond)) { [self] in
                process.enter { [self] in
                    callsUnderWay -= 1
                    done(value)
                }
            }
        }
    }

    /// Takes in systemd's signals, in their order.
    private func listen(_ tenure: Scope) {
        func tell(_ name: UnitName, _ event: AgentEvent) {
            lastWord = max(lastWord, world.now + world.random.between(200 * Span.microsecond, 5 * Span.millisecond))
            world.at(lastWord) { [self] in
                process.enter { [self] in
                    if case .observed = event, !tenure.isCancelled {
                        changeMark += 1
                        lastChange[name] = changeMark
                    }
                    if host.runtime.files[name] != nil { handle(event, tenure) }
                }
            }
        }
        host.systemd.listener = { [unowned self] name in tell(name, .observed([host.systemd.observation(of: name)])) }
        host.systemd.jobListener = { name, end in tell(name, .jobEnded(name, end)) }
    }

    // MARK: Tenure

    private func follow(_ lease: SessionLease, _ tenure: Scope, from before: Set<UnitName>? = nil) {
        guard !tenure.isCancelled else { return }
        var known = before
        var waiting: [Follower.Update] = []
        var isTakingStock = false
        let round = tenure.child()
        func again() {
            cannotFollow()
            round.cancel()
            process.after(Span.second, in: tenure) { [self] in follow(lease, tenure, from: known) }
        }
        func take(_ update: Follower.Update) {
            guard !isTakingStock else { return waiting.append(update) }
            switch update {
            case .snapshot(let entries, _):
                let orders = entries.compactMap { order($0.entry) }
                let named = Set(orders.map(\.unit))
                holdsOrders = !named.isEmpty
                if let before = known {
                    known = named
                    follows()
                    return handle(.ordered(orders, gone: before.subtracting(named).sorted()), lease, tenure)
                }
                isTakingStock = true
                takeStock(orders, lease, round) { [self] event in
                    guard let event else { return again() }
                    known = named
                    follows()
                    handle(event, lease, tenure)
                    isTakingStock = false
                    let rest = waiting
                    waiting = []
                    for update in rest { take(update) }
                }
            case .changes(let changes, _):
                var orders: [Order] = []
                var gone: [UnitName] = []
                for change in changes {
                    let unit = world.catalogue.units[change.key.subject]
                    if let entry = change.entry { order(entry).map { orders.append($0) } } else { gone.append(unit) }
                }
                let named = (known ?? []).union(orders.map(\.unit)).subtracting(gone)
                holdsOrders = !named.isEmpty
                known = named
                handle(.ordered(orders, gone: gone), lease, tenure)
            case .ended: again()
            }
        }
        _ = Follower(process: process, range: .schedule(of: host.index), scope: round) { update in take(update) }
    }

    /// Mirrors `AgentShell+Trouble.swift`; what it tells is taken in by another task.
    private func cannotFollow() {
        let step = patience.failed(at: host.now, holdsUnits: holdsOrders ?? !host.runtime.files.isEmpty)
        guard step > .wait else { return }
        announce(isTroubled: true)
        if step == .giveUp { process.after(0) { [self] in process.session.giveUp() } }
    }

    private func follows() {
        patience.succeeded()
        announce(isTroubled: false)
    }

    private func announce(isTroubled: Bool) {
        guard isTroubled != self.isTroubled else { return }
        self.isTroubled = isTroubled
        process.after(0) { [self] in process.session.announce(isTroubled: isTroubled) }
    }

    private func order(_ entry: StoreEntry) -> Order? {
        guard case .assignment(let assignment) = entry.value else { return nil }
        return Order(assignment: assignment, revision: entry.modified)
    }

    /// What is there when a tenure begins; `nil` when the store does not say.
    private func takeStock(
        _ orders: [Order], _ lease: SessionLease, _ scope: Scope, _ done: @escaping (AgentEvent?) -> Void
    ) {
        stateRevisions = [:]
        guard host.hindrances == 0 else { return process.after(0, in: scope) { done(nil) } }
        process.client.call(.range(.states(of: host.index)), in: scope) { [self] result in
            guard case .success(let answer) = result, case .range(let entries) = answer.content else {
                return done(nil)
            }
            for found in entries { stateRevisions[world.catalogue.units[found.key.subject]] = found.entry.modified }
            // What a former session left behind is no claim of this one.
            let own = entries.compactMap { entry -> UnitState? in
                guard entry.entry.lease == lease.id || world.isMutant(.foreignClaims) else { return nil }
                guard case .state(let state) = entry.entry.value else { return nil }
                return state
            }
            var files = host.runtime.files
            if world.isMutant(.adoptsNothing) { files = [:] }
            let names = files.keys.sorted()
            let installed = names.compactMap { name in
                files[name].map {
                    InstalledFile(
                        unit: name, hash: $0.file.hash, isKept: $0.isKept, runs: $0.runs,
                        startedHash: world.isMutant(.forgottenStart) ? nil : host.runtime.started[name])
                }
            }
            let once = names.filter { files[$0]?.isOnce ?? false }
            completions(of: once, scope) { [self] event in
                guard let event else { return done(nil) }
                if !once.isEmpty { handle(event, lease, scope) }
                look(names, files, scope) { observed in
                    done(.entered(own: own, orders: orders, installed: installed, observed: observed))
                }
            }
        }
    }

    private func look(
        _ names: [UnitName], _ files: [UnitName: UnitVariant], _ scope: Scope, _ done: @escaping ([Observation]) -> Void
    ) {
        let mark = changeMark
        bus { [self] in
            // A former tenure may have ended between writing a file and making systemd read it.
            if !world.isMutant(.trustsFolder) {
                for name in names { files[name].map { host.systemd.load(name, $0) } }
            }
            return names.map { host.systemd.observation(of: $0) }
        } then: { [self] observed in
            if !scope.isCancelled { newest(observed, since: mark, done) }
        }
    }

    /// Mirrors `newest` of the agent: units that have changed since they were asked about are asked about again.
    func newest(_ observed: [Observation], since mark: Int, _ done: @escaping ([Observation]) -> Void) {
        let overtaken = observed.map(\.unit).filter { lastChange[$0, default: 0] > mark }
        guard !overtaken.isEmpty else { return done(observed) }
        let mark = changeMark
        bus { [self] in
            overtaken.map { host.systemd.observation(of: $0) }
        } then: { [self] again in
            newest(observed.filter { !overtaken.contains($0.unit) } + again, since: mark, done)
        }
    }

    private var lease: SessionLease?

    private func handle(_ event: AgentEvent, _ lease: SessionLease, _ tenure: Scope) {
        self.lease = lease
        handle(event, tenure)
    }

    func handle(_ event: AgentEvent, _ tenure: Scope) {
        guard !tenure.isCancelled else { return }
        let directives = core.handle(event, at: host.now)
        guard let lease else { return }
        carryOut(directives, lease, tenure)
    }

    private func carryOut(_ directives: AgentDirectives, _ lease: SessionLease, _ tenure: Scope) {
        if !directives.claim.isEmpty { claim(directives.claim, lease, tenure) }
        if !directives.publish.isEmpty { publish(directives.publish, lease, tenure) }
        if !directives.withdraw.isEmpty { withdraw(directives.withdraw, tenure) }
        if !directives.complete.isEmpty { record(directives.complete, tenure) }
        if !directives.install.isEmpty { install(directives.install, tenure) }
        if !directives.uninstall.isEmpty { uninstall(directives.uninstall, tenure) }
        for unit in directives.start { issue(.start, unit, tenure) }
        for unit in directives.restart { issue(.restart, unit, tenure) }
        for unit in directives.stop { stop(unit, tenure) }
        guard let moment = directives.wake else { return }
        timer += 1
        let number = timer
        process.wake(at: moment) { [self] in
            if number == timer { handle(.woke, tenure) }
        }
    }
}
