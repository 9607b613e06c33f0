// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// MARK: Operations: what takes longer than one transaction

extension Engine {
    /// What the engine itself remembers of operations; all else is in their records.
    struct Operations: Sendable {
        /// What was handed out and not yet seen in the store.
        var underWay: Set<OperationID> = []
        /// By unit: the machine that it is to leave, by the open step of an operation that runs.
        var moving: [UnitName: MachineID] = [:]
        /// When the open step of an operation has had its time.
        var deadlines: [OperationID: Moment] = [:]
        /// Operations whose open step a former leader began, until that is written down.
        var inherited: Set<OperationID> = []
    }

    /// Machines whose units an operation hands over, living or ended just now and not yet opened.
    var drainedByOperation: Set<MachineID> {
        Set(state.livingOperations.compactMap(\.drained))
    }

    /// When the next step of an operation has had its time.
    var operationsWake: Moment? { operations.deadlines.values.min() }

    mutating func noticeOperation(_ event: ClusterEvent) {
        let id: OperationID
        switch event {
        case .operationPut(let operation): id = operation.id
        case .operationGone(let gone): id = gone
        default: return
        }
        operations.underWay.remove(id)
        guard state.operations[id]?.state != .running else { return }
        operations.deadlines[id] = nil
        operations.inherited.remove(id)
    }

    /// What a successor does first: each step that is under way gets its time anew, and counts one lost leader more.
    mutating func inheritOperations() {
        let running = state.livingOperations.filter {
            $0.state == .running && state.currentWave(of: $0)?.open != nil
        }
        operations.inherited = Set(running.map(\.id))
    }

    /// The write was not committed, and nothing of it happened.
    package mutating func operationFailed(_ id: OperationID) { operations.underWay.remove(id) }

    /// What is to be written of operations now; afterwards `moving` says which units have to leave their machines.
    mutating func reviewOperations(_ placement: inout Placement) -> [OperationWrite] {
        let living = state.livingOperations
        guard !living.isEmpty || !operations.moving.isEmpty else { return [] }
        // Units that a step holds already, and those that get one in this review.
        var taken = Set(living.compactMap { state.currentWave(of: $0)?.open?.unit })
        var writes: [OperationWrite] = []
        // A drain goes before all others.
        for operation in living.filter({ $0.drained != nil }) + living.filter({ $0.drained == nil }) {
            guard !operations.underWay.contains(operation.id),
                let write = review(operation, &taken, &placement)
            else { continue }
            operations.underWay.insert(operation.id)
            // Its time is counted anew when the store shows it; a moment that has passed would wake the leader again and again.
            operations.deadlines[operation.id] = nil
            operations.inherited.remove(operation.id)
            writes.append(write)
        }
        reviewMoving(living)
        return writes
    }

    /// Only what the store shows as begun is moved: a leader that is lost leaves no unit on its way that nobody knows of.
    private mutating func reviewMoving(_ living: [OperationRecord]) {
        var moving: [UnitName: MachineID] = [:]
        // What ends or pauses an operation may be on its way to the store.
        for operation in living where operation.state == .running && !operations.underWay.contains(operation.id) {
            guard let step = state.currentWave(of: operation)?.open else { continue }
            moving[step.unit] = step.from
        }
        for (unit, machine) in moving where operations.moving[unit] != machine { markDirty(unit) }
        operations.moving = moving
    }

    private mutating func review(
        _ operation: OperationRecord, _ taken: inout Set<UnitName>, _ placement: inout Placement
    ) -> OperationWrite? {
        if case .other = operation.kind { return nil }
        let wave = state.currentWave(of: operation)
        if let machine = operation.drained, !isToDrain(machine, operation.id) {
            let waves = wave.flatMap { $0.open == nil ? nil : [$0.closed(.skipped, "the drain was ended")] } ?? []
            return OperationWrite(
                operation.ended(.aborted, "\(machine.short) is no longer to be drained"), waves: waves)
        }
        guard operation.wave == 0 || wave != nil else {
            guard operation.state == .running else { return nil }
            return OperationWrite(
                operation.paused("the record of its wave \(operation.wave) is missing or cannot be read; abort it"))
        }
        guard let wave, let step = wave.open else {
            guard operation.state == .running, brake == nil else {
                if let machine = operation.drained { noteHeld(on: machine, &placement) }
                return nil
            }
            if let write = next(operation, after: wave, closing: nil, &taken, &placement) { return write }
            guard isOverdue(operation) else { return nil }
            return OperationWrite(
                operation.paused("nothing could be begun for \(operation.limit) s: \(obstacle(of: operation))"))
        }
        if let (result, reason, machine) = outcome(of: step, of: wave, in: operation) {
            return closed(operation, wave.closed(result, reason, on: machine), result, reason, &taken, &placement)
        }
        guard operation.state == .running else { return nil }
        if operations.inherited.contains(operation.id) { return inherited(operation, step) }
        guard isOverdue(operation) else { return nil }
        return OperationWrite(
            operation.paused("\(step.unit) has not come to rest after \(operation.limit) s: \(whereabouts(of: step))"))
    }

    /// Whether a machine is to be drained, and by no other operation.
    private func isToDrain(_ machine: MachineID, _ id: OperationID) -> Bool {
        guard let control = state.control[machine], control.isDraining else { return false }
        return control.operation ?? id == id
    }

    /// What follows the end of a step.
    private mutating func closed(
        _ operation: OperationRecord, _ wave: OperationWave, _ result: OperationStep.Result, _ reason: String,
        _ taken: inout Set<UnitName>, _ placement: inout Placement
    ) -> OperationWrite? {
        if operation.state == .paused { return OperationWrite(operation, waves: [wave]) }
        let unit = wave.steps[0].unit
        if result == .failed {
            let words = "\(unit) \(reason)"
            // A move has nothing more to do that could be resumed.
            let head = operation.drained == nil ? operation.ended(.failed, words) : operation.paused(words)
            return OperationWrite(head, waves: [wave])
        }
        guard brake == nil else { return OperationWrite(operation, waves: [wave]) }
        return next(operation, after: wave, closing: wave, &taken, &placement)
            ?? OperationWrite(operation, waves: [wave])
    }

    /// Gives the step that a former leader began its time anew, and counts that leader.
    private func inherited(_ operation: OperationRecord, _ step: OperationStep) -> OperationWrite {
        guard operation.renewals < OperationRecord.mostRenewals else {
            return OperationWrite(
                operation.paused("\(operation.renewals + 1) leaders were lost while \(step.unit) was on its way"))
        }
        var head = operation
        head.renewals += 1
        return OperationWrite(head)
    }

    /// Whether an operation has waited for too long; time in which the brake is set does not count.
    private mutating func isOverdue(_ operation: OperationRecord) -> Bool {
        guard brake == nil else {
            operations.deadlines[operation.id] = nil
            return false
        }
        let deadline = operations.deadlines[operation.id] ?? attendance.now + .seconds(operation.limit)
        operations.deadlines[operation.id] = deadline
        return attendance.now >= deadline
    }

    /// How a step ended; `nil` while it is under way.
    private func outcome(
        of step: OperationStep, of wave: OperationWave, in operation: OperationRecord
    ) -> (OperationStep.Result, String, MachineID?)? {
        let name = step.unit
        // The machine has its hands full until the unit is down there, whatever its user wants by now.
        if pending[name] != nil { return nil }
        let isAssigned = state.assignments[name]?[step.from] != nil
        let isThere = state.machines[step.from] != nil
        guard let unit = state.units[name], unit.target > .inactive else {
            if isAssigned || isThere && state.states[name]?[step.from] != nil { return nil }
            return (.taken, state.units[name] == nil ? "it was destroyed" : "it was stopped", nil)
        }
        if let order = state.assignments[name]?[step.from], isThere {
            if operation.drained == nil, order.written.revision > wave.written.revision, wave.written.revision != 0 {
                return (.failed, "is on \(step.from.short) again, since no other machine took it", step.from)
            }
            return operation.state == .paused ? (.skipped, "it had not left yet", nil) : nil
        }
        if isThere, state.states[name]?[step.from] != nil { return nil }
        guard let home = state.livingAssignments(of: name).first else {
            // A rule of placement refuses it everywhere: that is an end, too.
            guard let refusal = waiting[name], refusal.other == nil else { return nil }
            return (.failed, "fits nowhere: \(refusal)", nil)
        }
        guard let report = state.states[name]?[home.machine], report.isSettled(for: home.target) else { return nil }
        let place = "on \(home.machine.short)"
        if report.acted < home.target {
            return (.failed, "does not start \(place): \(Self.words(of: report))", home.machine)
        }
        if report.active == "failed" || report.sub == "auto-restart" {
            return (.failed, "has failed \(place): \(Self.words(of: report))", home.machine)
        }
        if case .move(_, let wanted?) = operation.kind, wanted != home.machine {
            return (.failed, "went to \(home.machine.short), since \(wanted.short) did not take it", home.machine)
        }
        return (.done, "", home.machine)
    }

    /// Where a unit is that takes too long, for people.
    private func whereabouts(of step: OperationStep) -> String {
        if state.states[step.unit]?[step.from] != nil { return "it is still being stopped on \(step.from.short)" }
        guard let home = state.livingAssignments(of: step.unit).first else {
            return waiting[step.unit].map { "\($0)" } ?? "it waits for a machine"
        }
        let report = state.states[step.unit]?[home.machine]
        return "on \(home.machine.short): \(report.map(Self.words) ?? "nothing was heard of it yet")"
    }

    /// What keeps an operation from beginning its next step, for people.
    private func obstacle(of operation: OperationRecord) -> String {
        let units: [UnitName] =
            switch operation.kind {
            case .drain(let machine): state.units(on: machine).filter { !globals.contains($0) }
            case .move(let unit, _): [unit]
            case .other: []
            }
        for unit in units {
            if let holder = state.operation(holding: unit), holder.id != operation.id {
                return "operation \(holder.id) has \(unit) on its way"
            }
        }
        guard let machine = operation.drained, let first = units.first else { return "the store is slow" }
        return "\(first) is still being stopped on \(machine.short)"
    }

    private static func words(of report: UnitState) -> String {
        report.health ?? [report.active, report.sub].filter { !$0.isEmpty }.joined(separator: ", ")
    }

    // MARK: What comes next

    private mutating func next(
        _ operation: OperationRecord, after wave: OperationWave?, closing: OperationWave?, _ taken: inout Set<UnitName>,
        _ placement: inout Placement
    ) -> OperationWrite? {
        let waves = closing.map { [$0] } ?? []
        if let closing { taken.subtract(closing.steps.map(\.unit)) }
        switch operation.kind {
        case .drain(let machine): return nextToDrain(operation, machine, waves, &taken, &placement)
        case .move(let unit, let target):
            if wave != nil { return OperationWrite(operation.ended(.done, ""), waves: waves) }
            return move(operation, unit, target, &taken, &placement)
        case .other: return nil
        }
    }

    private mutating func nextToDrain(
        _ operation: OperationRecord, _ machine: MachineID, _ waves: [OperationWave], _ taken: inout Set<UnitName>,
        _ placement: inout Placement
    ) -> OperationWrite? {
        guard state.machines[machine] != nil else {
            let words = "\(machine.short) is gone; what it ran is taken over as from any machine that is lost"
            return OperationWrite(operation.ended(.done, words), waves: waves)
        }
        var stuck: [UnitName] = []
        var isWaiting = false
        for name in state.units(on: machine) {
            // What is on its way off, whoever sent it, is waited for.
            guard state.assignments[name]?[machine] != nil, pending[name] == nil, let unit = state.units[name],
                unit.target > .inactive
            else {
                isWaiting = true
                continue
            }
            guard let traits = traits(of: name) else {
                held[name] = Refusal(
                    machines: occupancy.order.count, other: "its unit file \(unit.hash.short) is missing from the store"
                )
                stuck.append(name)
                continue
            }
            guard !traits.options.isGlobal else { continue }
            guard !taken.contains(name) else {
                isWaiting = true
                continue
            }
            switch placement.choose(for: traits, in: &occupancy) {
            case .success:
                // One at a time: what comes off by itself comes first.
                guard !isWaiting else { return nil }
                taken.insert(name)
                return begin(operation, OperationStep(name, from: machine), waves)
            case .failure(let failure):
                held[name] = completed(failure.refusal, for: traits)
                stuck.append(name)
            }
        }
        guard !isWaiting else { return nil }
        guard let first = stuck.first else { return OperationWrite(operation.ended(.done, ""), waves: waves) }
        let others = stuck.count == 1 ? "" : "; \(stuck.count - 1) more fit nowhere else, too"
        let refusal = held[first].map { ": \($0)" } ?? ""
        return OperationWrite(operation.paused("\(first) fits nowhere else\(refusal)\(others)"), waves: waves)
    }

    /// Says of units of a machine whose drain stands still why they fit nowhere else.
    private mutating func noteHeld(on machine: MachineID, _ placement: inout Placement) {
        for name in state.units(on: machine) {
            guard state.assignments[name]?[machine] != nil, pending[name] == nil, let traits = traits(of: name),
                !traits.options.isGlobal, case .failure(let failure) = placement.choose(for: traits, in: &occupancy)
            else { continue }
            held[name] = completed(failure.refusal, for: traits)
        }
    }

    private mutating func move(
        _ operation: OperationRecord, _ name: UnitName, _ target: MachineID?, _ taken: inout Set<UnitName>,
        _ placement: inout Placement
    ) -> OperationWrite? {
        guard let unit = state.units[name], let traits = traits(of: name) else {
            return OperationWrite(operation.ended(.failed, "there is no unit \(name)"))
        }
        guard !traits.options.isGlobal else {
            return OperationWrite(
                operation.ended(.failed, "\(name) is global: it runs on every machine that accepts it"))
        }
        guard !taken.contains(name), pending[name] == nil else { return nil }
        guard unit.target > .inactive, let home = state.livingAssignments(of: name).first else {
            guard let target else {
                return OperationWrite(operation.ended(.failed, "\(name) is on no machine that it could leave"))
            }
            return OperationWrite(
                operation.ended(.done, "\(name) is on no machine; it goes to \(target.short) when it is placed"),
                preferences: [.init(name, target)])
        }
        if target == home.machine { return OperationWrite(operation.ended(.done, "it is there already")) }
        switch destination(of: traits, from: home.machine, target, &placement) {
        case .failure(let failure):
            let words = target.map { "\($0.short) does not take \(name)" } ?? "\(name) fits nowhere else"
            let refusal = completed(failure.refusal, for: traits)
            return OperationWrite(operation.ended(.failed, "\(words): \(refusal)"))
        case .success(let machine):
            taken.insert(name)
            var write = begin(operation, OperationStep(name, from: home.machine, to: machine), [])
            write.preferences = [.init(name, machine)]
            return write
        }
    }

    /// Which other machine takes a unit.
    private mutating func destination(
        of traits: UnitTraits, from home: MachineID, _ target: MachineID?, _ placement: inout Placement
    ) -> Result<MachineID, PlacementFailure> {
        guard let target else {
            let isClosed = state.control[home]?.isClosed ?? false
            occupancy.close(home, true)
            defer { occupancy.close(home, isClosed) }
            // A plan's waiting lists know the machine as open.
            var fresh = Placement()
            return fresh.choose(for: traits, in: &occupancy)
        }
        guard let slot = occupancy.slot(of: target) else {
            return .failure(
                PlacementFailure(refusal: Refusal(machines: occupancy.order.count, other: "it is not there")))
        }
        occupancy.learnPatterns(of: traits)
        guard MachineTest(unit: traits, occupancy: occupancy).refusal(on: slot) == nil else {
            return .failure(PlacementFailure(refusal: MachineTest.explain(traits, on: slot, in: occupancy)))
        }
        return .success(target)
    }

    private func begin(_ operation: OperationRecord, _ step: OperationStep, _ waves: [OperationWave]) -> OperationWrite
    {
        guard operation.wave < OperationRecord.mostWaves else {
            return OperationWrite(operation.paused("it has had \(operation.wave) waves"), waves: waves)
        }
        var head = operation
        head.wave += 1
        head.renewals = 0
        return OperationWrite(head, waves: waves + [OperationWave(operation.id, head.wave, [step])])
    }
}

extension OperationRecord {
    fileprivate func paused(_ reason: String) -> OperationRecord {
        var head = self
        head.state = .paused
        head.reason = reason
        return head
    }

    fileprivate func ended(_ state: State, _ reason: String) -> OperationRecord {
        var head = self
        head.state = state
        head.reason = reason
        return head
    }
}
