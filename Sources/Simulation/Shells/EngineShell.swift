// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Runs the engine for one leadership; mirrors `EngineShell.swift` of the node agent and `ClusterRegistry+Schedule.swift`.
final class EngineShell {
    private enum Outcome {
        case committed(revision: Int64)
        case deposed
        case stale([ScheduleStep])
    }

    private unowned let process: AgentProcess
    private var world: World { process.world }
    private let leadership: Leadership
    private let scope = Scope()
    private let deposed: () -> Void
    /// Begins the same lead again with a fresh reading.
    private let again: () -> Void
    private(set) var engine: Engine?
    /// What has come, and when.
    private var backlog: [(update: Follower.Update, moment: Moment)] = []
    private var isCollectionDue = false
    private var isWoken = false
    private var timer = 0
    private var isBusy = false
    private var revision: Int64 = 0
    /// How far the store had been seen when the plan under way was made.
    private var planned: Int64 = 0
    private var mayHaveUnusedFiles = false

    private static let pause = 500 * Span.millisecond
    private static let collectionInterval = 10 * Span.second

    init(
        process: AgentProcess, leadership: Leadership, deposed: @escaping () -> Void, again: @escaping () -> Void
    ) {
        self.process = process
        self.leadership = leadership
        self.deposed = deposed
        self.again = again
        _ = Follower(process: process, range: .everything, scope: scope.child()) { [self] update in
            backlog.append((update, process.host.now))
            // The deciding task takes its turn after whoever brings the news.
            process.after(0, in: scope) { [self] in decide() }
        }
        collectLater()
    }

    var epoch: Int64 { leadership.epoch }

    /// Nothing is decided or begun any more; what is on its way to the store may still arrive.
    func stop() { scope.cancel() }

    private func end() {
        guard !scope.isCancelled else { return }
        scope.cancel()
        deposed()
    }

    private func collectLater() {
        process.after(Self.collectionInterval, in: scope) { [self] in
            if mayHaveUnusedFiles {
                isCollectionDue = true
                decide()
            }
            collectLater()
        }
    }

    // MARK: Deciding

    private func decide() {
        guard !isBusy, !scope.isCancelled, !backlog.isEmpty || isCollectionDue || isWoken else { return }
        isWoken = false
        let updates = backlog
        backlog = []
        for (update, moment) in updates {
            switch update {
            case .snapshot(let entries, let revision):
                let events = entries.compactMap { event($0.key, $0.entry) }
                let window: Duration? = world.isMutant(.noBrake) ? nil : .seconds(SessionShell.ttl)
                if world.isMutant(.hastySuccessor) {
                    engine = Engine(lossWindow: window)
                    engine?.tick(process.host.now)
                    engine?.handle(events, revision: revision)
                } else {
                    engine = Engine(events, revision: revision, lossWindow: window, at: process.host.now)
                }
                self.revision = revision
                mayHaveUnusedFiles = true
            case .changes(let changes, let revision):
                engine?.tick(moment)
                engine?.handle(changes.compactMap { event($0.key, $0.entry) }, revision: revision)
                self.revision = revision
                mayHaveUnusedFiles =
                    mayHaveUnusedFiles || changes.contains { [.unit, .schedule].contains($0.key.kind) }
            case .ended: return end()
            }
        }
        isBusy = true
        guard isCollectionDue else { return plan() }
        isCollectionDue = false
        collectFiles { [self] in plan() }
    }

    private func free() {
        isBusy = false
        decide()
    }

    private func plan() {
        engine?.tick(process.host.now)
        planned = revision
        let plan = engine?.plan() ?? Engine.Plan(steps: [])
        wakeLater()
        var steps = plan.steps
        if world.isMutant(.eagerMover, chance: 1, in: 4) { steps = steps + collateral() }
        guard !steps.isEmpty || !plan.notes.isEmpty else { return free() }
        for step in steps {
            for change in step.changes { mix(change, step.unit) }
            world.note { "\(process.host.name): plans " + text(step) }
        }
        write(plan.notes) { [self] failure in
            switch failure {
            case .success(true): commit(steps)
            case .success(false): end()
            case .failure(let failure): answer(failure)
            }
        }
    }

    private func wakeLater() {
        timer += 1
        guard let moment = engine?.wake else { return }
        let number = timer
        process.wake(at: moment) { [self] in
            guard number == timer, !scope.isCancelled else { return }
            isWoken = true
            decide()
        }
    }

    /// What certainly did not happen leaves nothing on its way, so this epoch goes on; else it ends.
    private func answer(_ failure: StoreFailure) {
        guard !failure.mayHaveHappened else { return giveUp() }
        world.note { "\(process.host.name): a plan is refused, and the lead kept" }
        process.after(Self.pause, in: scope) { [self] in
            scope.cancel()
            again()
        }
    }

    /// Whether it happened is unknown: a new epoch tells, and shuts out what is late.
    private func giveUp() {
        process.client.call(.transaction(ElectionShell.resignation(leadership)), in: scope) { [self] _ in
            process.after(Self.pause, in: scope) { [self] in end() }
        }
    }

    /// Mirrors `ClusterRegistry.write`; tells whether the leadership still holds.
    private func write(_ notes: [ClusterNote], _ done: @escaping (Result<Bool, StoreFailure>) -> Void) {
        guard !notes.isEmpty else { return done(.success(true)) }
        let transaction = StoreTransaction(
            comparisons: [StoreComparison(.leader, .created(leadership.epoch))], writes: notes.map { write($0) },
            epoch: leadership.epoch, view: revision)
        process.client.call(.transaction(transaction), in: scope) { result in
            switch result {
            case .failure(let failure): done(.failure(failure))
            case .success(let answer):
                guard case .transaction(let succeeded, _) = answer.content else { return }
                done(.success(succeeded))
            }
        }
    }

    private func write(_ note: ClusterNote) -> StoreWrite {
        switch note {
        case .remember(let id): .put(.seen(world.hostIndex(of: id)), .seen, lease: 0)
        case .forget(let id): .delete(.seen(world.hostIndex(of: id)))
        case .brake(let brake): .put(.brake, .brake(brake), lease: 0)
        case .release: .delete(.brake)
        }
    }

    private func commit(_ steps: [ScheduleStep]) {
        commit(waves: SchedulePacker(steps, limit: world.setting.operationLimit).waves[...], []) { [self] result in
            switch result {
            case .success(let outcomes): settle(steps, outcomes)
            case .failure(let failure):
                world.note { "\(process.host.name): a plan's answer is lost" }
                if world.isMutant(.ignoredLostAnswer) {
                    engine?.failed(steps)
                    return process.after(Span.millisecond, in: scope) { [self] in plan() }
                }
                answer(failure)
            }
        }
    }

    private func settle(_ steps: [ScheduleStep], _ outcomes: [Outcome]) {
        var stale: [ScheduleStep] = []
        var newest: Int64 = 0
        for outcome in outcomes {
            switch outcome {
            case .deposed: return end()
            case .stale(let steps): stale += steps
            case .committed(let revision): newest = max(newest, revision)
            }
        }
        let isStale = Set(stale)
        engine?.committed(steps.filter { !isStale.contains($0) }, at: newest)
        engine?.failed(stale)
        free()
    }

    // MARK: Committing

    private func commit(
        waves: ArraySlice<[[ScheduleStep]]>, _ outcomes: [Outcome],
        _ completion: @escaping (Result<[Outcome], StoreFailure>) -> Void
    ) {
        guard let wave = waves.first else { return completion(.success(outcomes)) }
        var outcomes = outcomes
        var failure: StoreFailure?
        var left = wave.count
        for batch in wave {
            commit(batch: batch, stale: [], tries: 8) { [self] result in
                left -= 1
                switch result {
                case .success(let some): outcomes += some
                case .failure(let error):
                    let isInDoubt = error.mayHaveHappened || failure?.mayHaveHappened == true
                    failure = StoreFailure(code: error.code, mayHaveHappened: isInDoubt)
                }
                guard left == 0 else { return }
                if let failure { return completion(.failure(failure)) }
                let isDeposed = outcomes.contains { if case .deposed = $0 { true } else { false } }
                if isDeposed { return completion(.success(outcomes)) }
                commit(waves: waves.dropFirst(), outcomes, completion)
            }
        }
    }

    private func commit(
        batch: [ScheduleStep], stale: [ScheduleStep], tries: Int,
        _ completion: @escaping (Result<[Outcome], StoreFailure>) -> Void
    ) {
        guard !batch.isEmpty else { return completion(.success([.stale(stale)])) }
        guard tries > 0 else { return completion(.failure(StoreFailure(code: .interfered, mayHaveHappened: false))) }
        let absent = world.isMutant(.unprovenAbsence) ? [] : Set(batch.compactMap(\.absent)).sorted()
        let guards = absent.map { StoreKey.machine(world.hostIndex(of: $0)) }
        var comparisons = guards.map { StoreComparison($0, .absent) }
        if !world.isMutant(.unguardedLeader) {
            comparisons.append(StoreComparison(.leader, .created(leadership.epoch)))
        }
        let transaction = StoreTransaction(
            comparisons: comparisons, writes: batch.flatMap(writes),
            otherwise: [.leader] + guards, epoch: leadership.epoch, steps: batch, view: planned)
        process.client.call(.transaction(transaction), in: scope) { [self] result in
            switch result {
            case .failure(let failure): return completion(.failure(failure))
            case .success(let answer):
                guard case .transaction(let succeeded, let found) = answer.content else { return }
                if succeeded {
                    return completion(
                        .success([.committed(revision: answer.revision)] + (stale.isEmpty ? [] : [.stale(stale)])))
                }
                guard found[0]?.created == leadership.epoch else { return completion(.success([.deposed])) }
                let present = Set(zip(absent, found.dropFirst()).filter { $1 != nil }.map(\.0))
                let isBarred = { (step: ScheduleStep) in step.absent.map(present.contains) ?? false }
                commit(
                    batch: batch.filter { !isBarred($0) }, stale: stale + batch.filter(isBarred), tries: tries - 1,
                    completion)
            }
        }
    }

    private func writes(_ step: ScheduleStep) -> [StoreWrite] {
        step.changes.map { write($0, step.unit) }
            + (step.endsUnit ? [.delete(.result(world.catalogue.unitIndex(of: step.unit)))] : [])
    }

    private func write(_ change: ScheduleStep.Change, _ unit: UnitName) -> StoreWrite {
        let key = StoreKey.schedule(world.hostIndex(of: change.machine), world.catalogue.unitIndex(of: unit))
        return switch change {
        case .assign(let assignment): .put(key, .assignment(assignment), lease: 0)
        case .withdraw: .delete(key)
        }
    }

    /// Mirrors `ClusterRegistry.collectFiles`.
    private func collectFiles(_ done: @escaping () -> Void) {
        guard let state = engine?.state else { return done() }
        mayHaveUnusedFiles = false
        var used = Set(state.units.values.map(\.hash))
        for assignments in state.assignments.values { used.formUnion(assignments.values.map(\.hash)) }
        let unused = state.files.keys.filter { !used.contains($0) }.sorted()
        guard !unused.isEmpty else { return done() }
        let keys = unused.map { StoreKey.file(world.catalogue.fileIndex(of: $0)) }
        let seen = revision
        let failed = { [self] in
            mayHaveUnusedFiles = true
            done()
        }
        process.client.call(.entries(keys), in: scope) { [self] result in
            guard case .success(let answer) = result, case .entries(let entries) = answer.content else {
                return failed()
            }
            let doomed = zip(keys, entries).compactMap { key, entry in
                entry.flatMap { $0.modified <= seen ? (key, $0.modified) : nil }
            }
            guard !doomed.isEmpty else { return done() }
            let transaction = StoreTransaction(
                comparisons: [StoreComparison(.leader, .created(leadership.epoch))]
                    + doomed.map { StoreComparison($0.0, .modified($0.1)) },
                writes: doomed.map { .delete($0.0) }, otherwise: [.leader], epoch: leadership.epoch)
            process.client.call(.transaction(transaction), in: scope) { result in
                guard case .success = result else { return failed() }
                done()
            }
        }
    }

    // MARK: Translation

    private func event(_ key: StoreKey, _ entry: StoreEntry?) -> ClusterEvent? {
        let catalogue = world.catalogue
        guard let entry else {
            switch key.kind {
            case .file: return catalogue.file(at: key.subject).map { .fileGone($0.hash) }
            case .machine: return .machineGone(catalogue.machines[key.machine])
            case .metadata: return .metadataGone(catalogue.machines[key.machine])
            case .unit: return .unitGone(catalogue.units[key.subject])
            case .schedule: return .assignmentGone(catalogue.machines[key.machine], catalogue.units[key.subject])
            case .state: return .stateGone(catalogue.machines[key.machine], catalogue.units[key.subject])
            case .leader: return .leaderGone
            case .control: return .controlGone(catalogue.machines[key.machine])
            case .seen: return .seenGone(catalogue.machines[key.machine])
            case .brake: return .brakeGone
            case .result, .turn, .operation, .wave: return nil
            }
        }
        switch entry.value {
        case .file(let file):
            return .filePut(file.hash, world.isMutant(.deafToPorts) ? file.withoutPorts : file)
        case .machine(let machine): return .machinePut(machine)
        case .metadata(let changes): return .metadataPut(catalogue.machines[key.machine], changes)
        case .unit(var unit):
            unit.created = Stamp(entry.created)
            return .unitPut(unit)
        case .assignment(var assignment):
            assignment.written = Stamp(entry.modified)
            return .assignmentPut(assignment)
        case .state(var state):
            if world.isMutant(.hastyDrain), state.active == "activating" { state.active = "active" }
            return world.isMutant(.deafToStates) ? nil : .statePut(state)
        case .leader(let machine): return .leaderPut(Leadership(machine: machine, epoch: entry.created))
        case .control(var wanted):
            wanted.created = Stamp(entry.created)
            return .controlPut(catalogue.machines[key.machine], wanted)
        case .seen: return world.isMutant(.forgetfulSuccessor) ? nil : .seenPut(catalogue.machines[key.machine])
        case .brake(let brake): return world.isMutant(.noBrake) ? nil : .brakePut(brake)
        case .result, .turn, .operation, .wave: return nil
        }
    }

    private func mix(_ change: ScheduleStep.Change, _ unit: UnitName) {
        world.mix(UInt64(world.hostIndex(of: change.machine) << 8 | world.catalogue.unitIndex(of: unit)))
    }

    private func text(_ step: ScheduleStep) -> String {
        let parts = step.changes.map { change in
            let machine = world.catalogue.name(ofHost: world.hostIndex(of: change.machine))
            return switch change {
            case .assign(let assignment): "\(assignment.target) on \(machine)"
            case .withdraw: "off \(machine)"
            }
        }
        return "\(step.unit.withoutType): \(parts.joined(separator: ", ")) (\(step.reason))"
    }

    /// What a broken engine does beside its work: takes a unit off a machine for no reason.
    private func collateral() -> [ScheduleStep] {
        guard let state = engine?.state, let unit = state.sortedUnits.first(where: { $0.target == .launched }),
            let home = state.sortedAssignments(of: unit.name).first
        else { return [] }
        return [
            ScheduleStep(unit: unit.name, changes: [.withdraw(home.machine, unit.name)], reason: "rebalanced")
        ]
    }
}
