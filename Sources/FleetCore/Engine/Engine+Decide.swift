// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// MARK: What to do about one unit

extension Engine {
    /// The steps for one unit; `waiting` says afterwards why it is not where it should be, if so.
    mutating func decide(_ name: UnitName, placement: inout Placement) -> [ScheduleStep] {
        waiting[name] = nil
        guard let unit = state.units[name] else {
            return withdraw(state.sortedAssignments(of: name), reason: "destroyed", endsUnit: true)
        }
        if state.assignments[name]?.values.contains(where: { $0.isForPredecessor(of: unit) }) == true {
            let former = state.sortedAssignments(of: name).filter { $0.isForPredecessor(of: unit) }
            return withdraw(former, reason: "destroyed and made anew", endsUnit: true)
        }
        guard unit.target > .inactive else {
            return withdraw(state.sortedAssignments(of: name), reason: "target state is inactive")
        }
        guard let traits = traits(of: name) else {
            waiting[name] = Refusal(
                machines: occupancy.order.count, other: "its unit file \(unit.hash.short) is missing from the store")
            return []
        }
        occupancy.update(traits)
        return traits.options.isGlobal ? spreadOut(unit, traits) : settle(unit, traits, placement: &placement)
    }

    private func withdraw(_ assignments: [Assignment], reason: String, endsUnit: Bool = false) -> [ScheduleStep] {
        assignments.map { assignment in
            ScheduleStep(
                unit: assignment.unit, changes: [.withdraw(assignment.machine, assignment.unit)],
                endsUnit: endsUnit && mayHaveResult(assignment), reason: reason)
        }
    }

    /// Whether the machine may write how the work of this order ended.
    private func mayHaveResult(_ assignment: Assignment) -> Bool {
        guard let file = state.files[assignment.hash] else { return true }
        return RunPolicy(of: file, for: assignment.unit) != .always
    }

    /// A refusal together with the units that `traits` names and that nobody has made: placement sees only what stands somewhere.
    func completed(_ refusal: Refusal, for traits: UnitTraits) -> Refusal {
        var refusal = refusal
        refusal.missing = traits.options.machineOf.filter { !isThere($0) }
        return refusal
    }

    // MARK: Ordinary units

    private mutating func settle(
        _ unit: UnitRecord, _ traits: UnitTraits, placement: inout Placement
    ) -> [ScheduleStep] {
        let assignments = state.sortedAssignments(of: unit.name)
        let live = assignments.filter { occupancy.slot(of: $0.machine) != nil }
        let lost = assignments.filter { occupancy.slot(of: $0.machine) == nil }
        if let home = live.first(where: { state.states[unit.name]?[$0.machine] != nil }) ?? live.first {
            return keep(unit, traits, at: home, others: assignments.filter { $0 != home })
        }
        if let holder = state.sortedStates(of: unit.name).first(where: { occupancy.slot(of: $0.machine) != nil }) {
            // The old copy is still being stopped; its machine deletes the entry when it is (rule R1).
            waiting[unit.name] = Refusal(
                machines: occupancy.order.count, other: "still stopping on \(holder.machine.short)")
            return []
        }
        if let brake, let former = lost.first {
            waiting[unit.name] = Refusal(
                machines: occupancy.order.count, other: "its machine \(former.machine.short) vanished; \(brake)")
            return []
        }
        if lost.count > 1 {
            // A step can demand the absence of one machine only, and each of these could come back with its claim.
            return lost.dropFirst().map { surplus in
                ScheduleStep(
                    unit: unit.name, changes: [.withdraw(surplus.machine, unit.name)],
                    reason: "machine \(surplus.machine.short) was lost")
            }
        }
        switch choose(for: unit, traits, &placement) {
        case .success(let machine):
            let place = ScheduleStep.Change.assign(Assignment(of: unit, on: machine))
            let former = lost.first
            return [
                ScheduleStep(
                    unit: unit.name, changes: lost.map { .withdraw($0.machine, unit.name) } + [place],
                    absent: former?.machine,
                    reason: former.map { "machine \($0.machine.short) was lost" } ?? "not on any machine")
            ]
        case .failure(let failure):
            waiting[unit.name] = completed(failure.refusal, for: traits)
            return []
        }
    }

    /// The machine that the unit prefers, as long as that one takes it; else the best one.
    private mutating func choose(
        for unit: UnitRecord, _ traits: UnitTraits, _ placement: inout Placement
    ) -> Result<MachineID, PlacementFailure> {
        if let preferred = unit.preferred, let slot = occupancy.slot(of: preferred) {
            occupancy.learnPatterns(of: traits)
            if MachineTest(unit: traits, occupancy: occupancy).refusal(on: slot) == nil { return .success(preferred) }
        }
        if let left = operations.moving[unit.name], state.control[left]?.isClosed != true {
            // It goes back to where it was moved from only when nobody else takes it.
            occupancy.close(left, true)
            defer { occupancy.close(left, false) }
            var elsewhere = Placement()
            if case .success(let machine) = elsewhere.choose(for: traits, in: &occupancy) { return .success(machine) }
        }
        return placement.choose(for: traits, in: &occupancy)
    }

    /// Leaves a unit where it is when it may stay, brings its assignment up to date, and takes it off elsewhere.
    private mutating func keep(
        _ unit: UnitRecord, _ traits: UnitTraits, at home: Assignment, others: [Assignment]
    ) -> [ScheduleStep] {
        let surplus = others.map { other in
            ScheduleStep(
                unit: unit.name, changes: [.withdraw(other.machine, unit.name)],
                reason: "it has its place on \(home.machine.short)")
        }
        guard let slot = occupancy.slot(of: home.machine) else { return surplus }
        let test = MachineTest(unit: traits, occupancy: occupancy)
        guard test.mayStay(on: slot),
            home.hash == unit.hash ? !isBesideItsPort(traits, on: slot) : mayStayChanged(traits, on: slot)
        else {
            let leave = ScheduleStep(
                unit: unit.name, changes: [.withdraw(home.machine, unit.name)],
                reason: "machine \(home.machine.short) no longer fits")
            return surplus + [leave]
        }
        if isLeaving(unit.name, home.machine) {
            let isDrained = state.control[home.machine]?.isDraining == true
            let leave = ScheduleStep(
                unit: unit.name, changes: [.withdraw(home.machine, unit.name)],
                reason: isDrained ? "machine \(home.machine.short) is being drained" : "it moves to another machine")
            return surplus + [leave]
        }
        let wanted = Assignment(of: unit, on: home.machine)
        guard let reason = reason(for: wanted, over: home) else { return surplus }
        return surplus + [ScheduleStep(unit: unit.name, changes: [.assign(wanted)], reason: reason)]
    }

    /// Why an order that is there is written again; `nil` when it need not be.
    private func reason(for wanted: Assignment, over present: Assignment) -> String? {
        if present.hash != wanted.hash { return "unit file changed" }
        if present != wanted { return "target state changed" }
        return isUnshown(wanted.unit, on: wanted.machine)
            ? "its state was deleted in the store, and \(wanted.machine.short) is to show it again" : nil
    }

    /// Whether a unit whose file changed gets on with its neighbours; tested as a newcomer to its own machine.
    private mutating func mayStayChanged(_ traits: UnitTraits, on slot: Int) -> Bool {
        let isAssigned = occupancy.slots[slot]?.occupants[traits.name] ?? true
        occupancy.learnPatterns(of: traits)
        occupancy.vacate(traits.name, slot: slot)
        let fits = MachineTest(unit: traits, occupancy: occupancy).getsOnWithNeighbours(on: slot)
        occupancy.occupy(traits, slot: slot, isAssigned: isAssigned)
        return fits
    }

    /// Whether another unit that is to stay there has a port of the unit, though neither's file is about to be tested.
    ///
    /// So it is when a leader was lost between two steps: a file that gave a port up had let another unit in, was not written,
    /// and was brought back by its user. Whoever is decided first goes.
    private func isBesideItsPort(_ traits: UnitTraits, on slot: Int) -> Bool {
        let ports = traits.options.ports
        guard ports.contains(where: { occupancy.isTaken($0, on: slot, byOtherThan: traits.name) }),
            let here = occupancy.slots[slot]
        else { return false }
        return here.occupants.contains { name, isAssigned in
            isAssigned && name != traits.name
                && occupancy.traits[name]?.options.ports.contains(where: ports.contains) == true
                && state.assignments[name]?[here.machine.id].map { $0.hash == state.units[name]?.hash } == true
        }
    }

    // MARK: Global units

    /// One assignment on every machine that accepts the unit.
    private mutating func spreadOut(_ unit: UnitRecord, _ traits: UnitTraits) -> [ScheduleStep] {
        occupancy.learnPatterns(of: traits)
        let test = MachineTest(unit: traits, occupancy: occupancy)
        var steps: [ScheduleStep] = []
        var accepted = 0
        for slot in occupancy.order {
            guard let machine = occupancy.slots[slot]?.machine else { continue }
            let present = state.assignments[unit.name]?[machine.id]
            let fits =
                if let present {
                    test.refusalByMachine(machine) == nil
                        && (present.hash == unit.hash
                            ? !isBesideItsPort(traits, on: slot) : mayStayChanged(traits, on: slot))
                } else {
                    test.refusal(on: slot) == nil
                }
            let wanted = Assignment(of: unit, on: machine.id)
            if fits {
                accepted += 1
                guard present != wanted || isUnshown(unit.name, on: machine.id) else { continue }
                if present == nil, state.states[unit.name]?[machine.id] != nil {
                    // Its order was taken back: what runs there is not what is wanted now, and ends first.
                    waiting[unit.name] = Refusal(
                        machines: occupancy.order.count, other: "still stopping on \(machine.id.short)")
                    continue
                }
                let reason = "global: \(machine.id.short) accepts it"
                steps.append(ScheduleStep(unit: unit.name, changes: [.assign(wanted)], reason: reason))
            } else if present != nil {
                let reason = "global: \(machine.id.short) no longer accepts it"
                steps.append(ScheduleStep(unit: unit.name, changes: [.withdraw(machine.id, unit.name)], reason: reason))
            }
        }
        for lost in state.sortedAssignments(of: unit.name) where occupancy.slot(of: lost.machine) == nil && brake == nil
        {
            let reason = "machine \(lost.machine.short) was lost"
            steps.append(ScheduleStep(unit: unit.name, changes: [.withdraw(lost.machine, unit.name)], reason: reason))
        }
        if accepted == 0 { waiting[unit.name] = completed(MachineTest.explain(traits, in: occupancy), for: traits) }
        return steps
    }
}

extension Assignment {
    /// What the user wants of `unit`, as an order to `machine`.
    package init(of unit: UnitRecord, on machine: MachineID) {
        self.init(machine: machine, unit: unit.name, hash: unit.hash, target: unit.target, restarts: unit.restarts)
    }
}
