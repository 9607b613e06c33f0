// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore
package import Logging
package import Registry
package import Systemd
package import Timing

/// Runs this machine's units: carries out what `AgentCore` decides, through the store, the unit folder and systemd.
///
/// It serves during one session at a time, a *tenure*. When the session may end, `fence` ends the tenure first, so that
/// nothing is started any more, and then sees every fenced unit dead.
package actor AgentShell {
    let registry: ClusterRegistry
    let units: any UnitManager
    let folder: any UnitFiles
    let processes: any UnitProcesses
    let machine: MachineID
    let guardControl: any MachineGuard
    let clockwork: any Clockwork
    let logger: Logger
    let troubleHooks: TroubleHooks
    /// What keeps this machine from doing what it is ordered.
    package var trouble = AgentTrouble()
    /// How long the schedule cannot be followed by now.
    var patience = SchedulePatience()
    /// How long the store has refused this machine's writes by now.
    var writePatience = SchedulePatience()
    /// Why a write to the store last failed, as the log was told; empty when the last one did not.
    var lastRefusal = ""
    /// Whether the schedule names any unit; `nil` as long as nobody could read it.
    private(set) var holdsOrders: Bool?
    private var core: AgentCore
    /// Whether a tenure of this run has taken over what an earlier run left.
    private var hasTakenOver = false
    private var serving: Task<Void, Never>?
    private var timer: Task<Void, Never>?
    /// When the ACTIVE state of each unit last changed, as this agent saw it.
    private var since: [UnitName: (active: String, moment: Int64)] = [:]
    /// At which mod revisions this machine's states lie in the store, where that is known; see `ClusterRegistry.publish`.
    var stateRevisions: [UnitName: Int64] = [:]
    /// How many changes of units systemd has told of, and the number of the last one of each unit.
    private(set) var changeMark = 0
    private var lastChange: [String: Int] = [:]
    /// The number of the last change by which a unit was seen to start, run, stop or fail.
    private(set) var lastSign: [String: Int] = [:]
    /// Units that waited for their `Restart=` when systemd last told of them.
    private var restarting: Set<String> = []
    /// Units whose failure systemd is being asked about, and whether it is to be asked again since they have failed anew.
    var explaining: [UnitName: Bool] = [:]
    /// Units that systemd did not find when they were last ordered to start, and that were put back for it.
    var missing: Set<UnitName> = []

    package init(
        registry: ClusterRegistry, units: any UnitManager, folder: any UnitFiles, processes: any UnitProcesses,
        machine: MachineID, guardControl: any MachineGuard, troubleHooks: TroubleHooks = TroubleHooks(),
        clockwork: any Clockwork, logger: Logger
    ) {
        self.registry = registry
        self.units = units
        self.folder = folder
        self.processes = processes
        self.machine = machine
        self.guardControl = guardControl
        self.troubleHooks = troubleHooks
        self.clockwork = clockwork
        self.logger = logger
        core = AgentCore(machine: machine)
    }

    /// The session lives: adopt what runs, then follow the schedule.
    package func enter(_ tenure: Tenure) async {
        await endTenure()
        _ = core.handle(.entering, at: clockwork.now)
        serving = clockwork.spawn { await self.serve(tenure) }
    }

    /// Ends the tenure without touching any unit.
    package func endTenure() async {
        serving?.cancel()
        timer?.cancel()
        await serving?.value
        serving = nil
    }

    /// Sees every fenced unit dead: stops them, and kills at `kill` what is left.
    ///
    /// Returns only when systemd says that all are down, however long that takes.
    package func fence(kill: Moment) async {
        serving?.cancel()
        let fenced = await folder.fencedUnits().map(\.rawValue)
        let fence = UnitFence(units: units, processes: processes, clockwork: clockwork, logger: logger)
        await fence.stop(fenced, kill: kill)
        // A start that was on its way when the tenure ended has reached systemd by now.
        await endTenure()
        await fence.stop(fenced, kill: kill)
        for unit in await folder.fencedUnits() {
            do {
                try await folder.note(unit, started: nil)
            } catch {
                // The next run takes the unit for started, finds it down, and starts it if it is ordered.
                logger.warning("note not removed", metadata: ["unit.name": "\(unit)", "error": "\(error.message)"])
            }
        }
        patience.fenced(at: clockwork.now)
        writePatience.fenced(at: clockwork.now)
        _ = core.handle(.left, at: clockwork.now)
    }

    /// Stops every unit of this machine in order, as at a shutdown, and takes their states out of the store.
    package func stopAll(within budget: Duration) async {
        await endTenure()
        let all = await folder.files().map(\.unit.rawValue)
        let fence = UnitFence(units: units, processes: processes, clockwork: clockwork, logger: logger)
        await fence.stop(all, kill: clockwork.now + budget)
    }

    // MARK: Tenure

    private func serve(_ tenure: Tenure) async {
        let (events, inbox) = AsyncStream<AgentEvent>.makeStream()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow(tenure, inbox) }
            group.addTask { await self.followSystemd(inbox) }
            group.addTask { await self.watchStorage() }
            group.addTask { await self.watchWrites(tenure) }
            group.addTask { await self.watchFolder(inbox) }
            for await event in events {
                let directives = core.handle(event, at: clockwork.now)
                carryOut(directives, tenure: tenure, inbox: inbox, in: &group)
                for unit in Self.failures(in: event) {
                    group.addTask { await self.explainFailure(of: unit, inbox) }
                }
            }
            group.cancelAll()
        }
    }

    /// The units that an event shows as failed, or tells of: when the word on a start is there systemd may know more of a later run.
    private static func failures(in event: AgentEvent) -> [UnitName] {
        switch event {
        case .observed(let seen), .entered(_, _, _, let seen): seen.filter(\.showsFailure).map(\.unit)
        case .startEnded(let unit, .failed): [unit]
        default: []
        }
    }

    private func carryOut(
        _ directives: AgentDirectives, tenure: Tenure, inbox: AsyncStream<AgentEvent>.Continuation,
        in group: inout DiscardingTaskGroup
    ) {
        func launch(_ isNeeded: Bool, _ work: @escaping @Sendable () async -> Void) {
            guard isNeeded else { return }
            group.addTask {
                if !Task.isCancelled { await work() }
            }
        }
        launch(!directives.claim.isEmpty) { inbox.yield(await self.claim(directives.claim, tenure)).discard() }
        launch(!directives.publish.isEmpty) {
            for event in await self.publish(directives.publish, tenure) { inbox.yield(event) }
        }
        launch(!directives.withdraw.isEmpty) { inbox.yield(await self.withdraw(directives.withdraw, tenure)).discard() }
        launch(!directives.complete.isEmpty) { inbox.yield(await self.record(directives.complete, tenure)).discard() }
        launch(!directives.install.isEmpty) { await self.install(directives.install, inbox) }
        launch(!directives.uninstall.isEmpty) { await self.uninstall(directives.uninstall, inbox) }
        for unit in directives.start { launch(true) { await self.issue(.start, unit, inbox) } }
        for unit in directives.restart { launch(true) { await self.issue(.restart, unit, inbox) } }
        for unit in directives.stop { launch(true) { inbox.yield(await self.stop(unit)).discard() } }
        guard let moment = directives.wake else { return }
        timer?.cancel()
        timer = clockwork.spawn { [clockwork] in
            await clockwork.sleep(until: moment)
            if !Task.isCancelled { inbox.yield(.woke) }
        }
    }

    /// Reads what the store and the machine hold, then hands on every change of the schedule.
    private func follow(_ tenure: Tenure, _ inbox: AsyncStream<AgentEvent>.Continuation) async {
        defer { inbox.finish() }
        var known: Set<UnitName>?
        while !Task.isCancelled {
            do {
                for try await update in registry.followMachine(machine) {
                    switch update {
                    case .snapshot(let stored, _, let problems):
                        tell(problems)
                        let orders = stored.map { Order(assignment: $0.assignment, revision: $0.modRevision) }
                        let named = Set(orders.map(\.unit)).union(problems.compactMap { self.unit(of: $0) })
                        holdsOrders = !named.isEmpty
                        if let before = known {
                            inbox.yield(.ordered(orders, gone: before.subtracting(named).sorted()))
                        } else {
                            for event in try await taking(stock: orders, tenure) { inbox.yield(event) }
                        }
                        known = named
                        follows()
                    case .changes(let changes, _, let problems):
                        tell(problems)
                        let event = Self.event(of: changes)
                        if case .ordered(let orders, let gone) = event {
                            let named = (known ?? []).union(orders.map(\.unit)).subtracting(gone)
                            holdsOrders = !named.isEmpty
                            known = named
                            if !(orders.isEmpty && gone.isEmpty) { inbox.yield(event) }
                        }
                    case .disconnected(let error):
                        logger.warning("etcd is out of reach; units go on", metadata: ["error": "\(error.message)"])
                    case .reconnected: logger.info("etcd is back")
                    }
                }
            } catch {
                if !patience.isFailing {
                    logger.error("cannot follow this machine's schedule", metadata: ["error": "\(error)"])
                }
                if !Task.isCancelled { await cannotFollow("\(error)", holdsOrders: holdsOrders) }
            }
            try? await clockwork.sleep(for: .seconds(1))
        }
    }

    /// The order of changes within one update counts: the last word on a unit holds.
    private static func event(of changes: [MachineUpdate.Change]) -> AgentEvent {
        var last: [UnitName: Order?] = [:]
        for change in changes {
            switch change {
            case .put(let stored):
                last[stored.assignment.unit] = .some(Order(assignment: stored.assignment, revision: stored.modRevision))
            case .gone(let unit): last[unit] = .some(nil)
            }
        }
        let orders = last.values.compactMap(\.self).sorted { $0.unit < $1.unit }
        return .ordered(orders, gone: last.filter { $0.value == nil }.keys.sorted())
    }

    /// What is there when a tenure begins.
    private func taking(stock orders: [Order], _ tenure: Tenure) async throws -> [AgentEvent] {
        let own = try await registry.readOwnStates(in: tenure)
        stateRevisions = own.modRevisions
        tell(own.problems)
        try await takeUpDamaged(own.states)
        let found = await folder.files()
        // The former tenure may have ended before the guard learned of all of them.
        try await guardControl.list(fenced: await folder.fencedUnits())
        let completions = try await completions(among: found)
        let mark = changeMark
        // A former tenure may have ended between writing a file and making systemd read it.
        let isStale = try await folder.renewDropIns()
        let whole = found.filter { !$0.isDamaged }
        let loaded = try await load(whole, replaced: Set(whole.map(\.unit.rawValue)), mustReload: isStale)
        let damaged = try await damaged(among: found, loaded.refusals)
        // Hardly ever is there one; systemd is asked nothing else then.
        let known = damaged.isEmpty ? [] : try await units.watch(damaged.map(\.unit.rawValue))
        let statuses = try await newest(loaded.statuses + known, since: mark)
        for state in own.states { since[state.unit] = (state.active, state.since) }
        // One that systemd does not take costs itself alone: it counts as not installed, and its order tries again.
        let installed = whole.filter { loaded.refusals[$0.unit] == nil } + damaged
        for (unit, reason) in loaded.refusals.sorted(by: { $0.key < $1.key }) {
            logger.warning(
                hasTakenOver ? "unit is not loaded from its file here" : "unit not taken over from the former run",
                metadata: ["unit.name": "\(unit)", "error": "\(reason)"])
        }
        hasTakenOver = true
        let entered = AgentEvent.entered(
            own: own.states, orders: orders, installed: installed, observed: statuses.map { observation($0) })
        return completions + [entered]
    }

    /// Units that may run here although somebody has removed or replaced their files or links: what was started, and what is up.
    ///
    /// Were they left out, their claims would be withdrawn while they run (rule R1).
    private func damaged(
        among files: [InstalledFile], _ refusals: [UnitName: String]
    ) async throws(SystemdError) -> [InstalledFile] {
        let doubtful = files.filter { $0.isDamaged || refusals[$0.unit] != nil }
        guard !doubtful.isEmpty else { return [] }
        let up = try await running(among: doubtful.map(\.unit))
        return doubtful.filter { $0.startedHash != nil || up.contains($0.unit) }.map {
            var file = $0
            file.isDamaged = true
            return file
        }
    }

    /// Takes up what runs for a claim of this machine's and has lost its file: loaded only, it has no note either.
    private func takeUpDamaged(_ own: [UnitState]) async throws(SystemdError) {
        let there = Set(await folder.files().map(\.unit))
        // What was never installed here may be the machine's own.
        let lost = own.filter { !there.contains($0.unit) && $0.acted > .inactive }
        guard !lost.isEmpty else { return }
        let up = try await running(among: lost.map(\.unit))
        for state in lost where up.contains(state.unit) { await folder.takeUp(state.unit, hash: state.hash) }
    }

    private func followSystemd(_ inbox: AsyncStream<AgentEvent>.Continuation) async {
        for await change in await units.changes() {
            switch change {
            case .unitChanged(let status) where isBetweenRuns(status):
                // Another word follows, at the latest when that job is over.
                continue
            case .unitChanged(let status):
                changeMark += 1
                lastChange[status.name] = changeMark
                if status.sub == "auto-restart" {
                    restarting.insert(status.name)
                } else {
                    restarting.remove(status.name)
                }
                if status.active != "inactive" { lastSign[status.name] = changeMark }
                inbox.yield(.observed([observation(status)]))
            case .jobRemoved(let unit, _, let result):
                inbox.yield(.jobEnded(UnitName(unchecked: unit), JobEnd(result)))
                if result != .done {
                    logger.debug("job ended", metadata: ["unit.name": "\(unit)", "systemd.job": "\(result)"])
                }
            case .disconnected(let error):
                logger.warning("systemd is out of reach", metadata: ["error": "\(error.message)"])
            case .reconnected: logger.info("systemd is back")
            case .reloading: break
            }
        }
    }

    /// Whether systemd is about to start a unit again that has ended: between the two it shows for a moment as one that is down.
    private func isBetweenRuns(_ status: UnitStatus) -> Bool {
        status.active == "inactive" && status.job != nil && restarting.contains(status.name)
    }

    /// What systemd says of the units, no older than any change of them that was handed on.
    ///
    /// - Parameters:
    ///   - statuses: The answer to a question that was asked when `changeMark` was `mark`.
    ///   - mark: Changes after it may be newer than the answer, so those units are asked for again.
    /// - Returns: The newest word on each unit; to be handed on before anything else is awaited.
    /// - Throws: What systemd's manager throws.
    func newest(_ statuses: [UnitStatus], since mark: Int) async throws(SystemdError) -> [UnitStatus] {
        var (mark, statuses) = (mark, statuses)
        while true {
            let overtaken = Set(statuses.map(\.name).filter { lastChange[$0, default: 0] > mark })
            if overtaken.isEmpty { return statuses }
            mark = changeMark
            let again = try await units.listUnits(names: overtaken.sorted())
            statuses = statuses.filter { !overtaken.contains($0.name) } + again
        }
    }

    /// The unit whose assignment cannot be read: it is assigned all the same.
    private func unit(of problem: RegistryProblem) -> UnitName? {
        registry.keys.name(of: problem.key, Records.schedule)?.unit
    }

    /// Adds the time to what systemd says.
    func observation(_ status: UnitStatus) -> Observation {
        let unit = UnitName(unchecked: status.name)
        if let known = since[unit], !known.active.isEmpty {
            if known.active != status.active { since[unit] = (status.active, clockwork.wallMilliseconds) }
        } else {
            // A unit that is down when first seen has never run here, as far as anybody can tell.
            since[unit] = (status.active, status.active == "inactive" ? 0 : clockwork.wallMilliseconds)
        }
        return Observation(
            unit: unit, load: status.load, active: status.active, sub: status.sub, since: since[unit]?.moment ?? 0)
    }

    /// Forgets what was noted of units that are gone.
    func forget(_ names: [UnitName]) {
        for name in names {
            since[name] = nil
            missing.remove(name)
            lastChange[name.rawValue] = nil
            lastSign[name.rawValue] = nil
            restarting.remove(name.rawValue)
        }
    }

    private var told: Set<RegistryProblem> = []

    func tell(_ problems: [RegistryProblem]) {
        for problem in problems where told.insert(problem).inserted {
            logger.warning(
                "a key in the store cannot be read and is left alone",
                metadata: ["etcd.key": "\(problem.key)", "error": "\(problem.reason)"])
        }
    }
}

extension JobEnd {
    /// What systemd's word says of a run: only a job that came to its own end tells anything.
    init(_ result: JobResult) {
        switch result {
        case .done: self = .done
        case .failed, .timeout: self = .failed
        case .canceled, .dependency, .skipped, .invalid, .assert, .unsupported, .collected, .once, .unknown:
            self = .cancelled
        }
    }
}
