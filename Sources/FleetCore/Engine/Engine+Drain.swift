// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// MARK: Machines that hand their units over

extension Engine {
    /// Chooses for every machine that is being drained the unit that goes next.
    ///
    /// One at a time: the next goes when the former one has settled elsewhere, was taken back by its user, or turned out to fit
    /// nowhere. A unit that no other machine can take stays and is told of in `held`. Global units stay: they belong to the
    /// machine and end with it. While the brake is set nothing is moved, here neither. A machine that an operation drains is left to
    /// that one: it is how commands drain, and this is for who asks by the call for a machine alone.
    mutating func reviewDrains(_ placement: inout Placement) {
        let byOperation = drainedByOperation
        let draining = state.control.filter { $0.value.isDraining && !byOperation.contains($0.key) }.keys.sorted()
        if isSuccessor {
            isSuccessor = false
            for machine in draining { arriving[machine] = mayHaveLeft(machine) }
        }
        guard !(draining.isEmpty && leaving.isEmpty && held.isEmpty && arriving.isEmpty) else { return }
        held = [:]
        for (machine, units) in arriving {
            let left = units.filter { isInMotion($0, from: machine) }
            arriving[machine] = left.isEmpty || state.control[machine]?.isDraining != true ? nil : left
        }
        leaving = leaving.filter { machine, unit in
            state.control[machine]?.isDraining == true && !byOperation.contains(machine)
                && isInMotion(unit, from: machine)
        }
        guard brake == nil else { return }
        for machine in draining
        where occupancy.slot(of: machine) != nil && leaving[machine] == nil && arriving[machine] == nil {
            // A machine that cannot follow its schedule keeps it for long, and a store that is read anew, as after a compaction, does
            // not say who sent it.
            leaving[machine] = unitOnItsWayOff(machine) ?? nextToLeave(machine, &placement)
        }
    }

    /// What a machine still reports and is no longer assigned: it is on its way off, whoever sent it.
    private func unitOnItsWayOff(_ machine: MachineID) -> UnitName? {
        state.units(on: machine).first { state.assignments[$0]?[machine] == nil }
    }

    /// Units that may have been sent from a machine by a leader that is gone, and have not come to rest where they went.
    ///
    /// The store does not say where a unit came from. So this is every unit that has got a place since the machine was closed, or
    /// has none.
    private func mayHaveLeft(_ machine: MachineID) -> Set<UnitName> {
        guard let control = state.control[machine] else { return [] }
        let units = state.units.values.filter { unit in
            let assignments = state.assignments[unit.name] ?? [:]
            return unit.target > .inactive && assignments[machine] == nil
                && (assignments.isEmpty || assignments.values.contains(where: control.precedes))
                && !globals.contains(unit.name) && isInMotion(unit.name, from: machine)
        }
        return Set(units.map(\.name))
    }

    private mutating func nextToLeave(_ machine: MachineID, _ placement: inout Placement) -> UnitName? {
        for name in state.units(on: machine) where state.assignments[name]?[machine] != nil && pending[name] == nil {
            guard let unit = state.units[name], unit.target > .inactive, let traits = traits(of: name),
                !traits.options.isGlobal
            else { continue }
            switch placement.choose(for: traits, in: &occupancy) {
            case .success:
                markDirty(name)
                return name
            case .failure(let failure): held[name] = completed(failure.refusal, for: traits)
            }
        }
        return nil
    }

    /// Whether a unit that left `machine`, or is about to, has not come to rest.
    private func isInMotion(_ name: UnitName, from machine: MachineID) -> Bool {
        // Also when its user stops it meanwhile: the machine has its hands full until it is down.
        if pending[name] != nil || state.states[name]?[machine] != nil { return true }
        guard let unit = state.units[name], unit.target > .inactive else { return false }
        if state.assignments[name]?[machine] != nil { return true }
        guard let home = state.sortedAssignments(of: name).first(where: { state.machines[$0.machine] != nil }) else {
            // A rule of placement refuses it everywhere: that is an end, too.
            return waiting[name].map { $0.other != nil } ?? true
        }
        return !(state.states[name]?[home.machine]?.isSettled(for: home.target) ?? false)
    }

    /// Whether it is this unit's turn to leave the machine.
    func isLeaving(_ unit: UnitName, _ machine: MachineID) -> Bool {
        brake == nil && (leaving[machine] == unit || operations.moving[unit] == machine)
    }
}
