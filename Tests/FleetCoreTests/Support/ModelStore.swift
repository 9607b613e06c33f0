// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A store in memory with revisions, sessions, guarded writes and a history that watchers follow.
struct ModelStore {
    private(set) var state = ClusterState()
    private(set) var revision: Int64 = 1
    /// What revision `index + 2` changed.
    private var history: [[ClusterEvent]] = []
    /// The leader's: a write of another epoch is refused.
    private(set) var epoch: Int64 = 0
    private var orderRevisions: [MachineID: [UnitName: Int64]] = [:]
    /// The revision of each machine's record: what a machine writes is guarded by it, so that nothing that a former session
    /// or a former run of the agent sent takes place after it.
    private(set) var registrations: [MachineID: Int64] = [:]
    private var sessionOfMachine: [MachineID: Int] = [:]
    private var sessionOfState: [MachineID: [UnitName: Int]] = [:]
    private var nextSession = 0

    /// Everything after `revision`, oldest first.
    func changes(after revision: Int64) -> ArraySlice<[ClusterEvent]> { history[Int(revision - 1)...] }

    func order(_ assignment: Assignment) -> Order {
        Order(assignment: assignment, revision: orderRevisions[assignment.machine]?[assignment.unit] ?? 0)
    }

    func orders(of machine: MachineID) -> [Order] {
        state.units(on: machine).compactMap { state.assignments[$0]?[machine] }.map(order)
    }

    /// States under the present session of the machine, and no others.
    func ownStates(of machine: MachineID) -> [UnitState] {
        state.units(on: machine).compactMap { state.states[$0]?[machine] }
            .filter { sessionOfState[machine]?[$0.unit] == sessionOfMachine[machine] }
    }

    @discardableResult
    mutating func write(_ events: [ClusterEvent]) -> Int64 {
        revision += 1
        for event in events {
            switch event {
            case .assignmentPut(let assignment):
                orderRevisions[assignment.machine, default: [:]][assignment.unit] = revision
            case .assignmentGone(let machine, let unit): orderRevisions[machine]?[unit] = nil
            case .stateGone(let machine, let unit): sessionOfState[machine]?[unit] = nil
            default: break
            }
            state.apply(event)
        }
        history.append(events)
        return revision
    }

    // MARK: Leader

    mutating func newEpoch() -> Int64 {
        epoch = write([])
        return epoch
    }

    /// Writes one step; `nil` when a guard fails.
    mutating func commit(_ step: ScheduleStep, epoch writer: Int64) -> Int64? {
        guard writer == epoch, step.absent.map({ state.machines[$0] == nil }) ?? true else { return nil }
        return write(
            step.changes.map { change in
                switch change {
                case .assign(let assignment): .assignmentPut(assignment)
                case .withdraw(let machine, let unit): .assignmentGone(machine, unit)
                }
            })
    }

    // MARK: Machines

    /// A new session with the machine's record under it. What an older session of it holds stays until that one ends.
    mutating func openSession(_ machine: MachineRecord) -> Int {
        nextSession += 1
        sessionOfMachine[machine.id] = nextSession
        register(machine)
        return nextSession
    }

    /// Writes the machine's record anew, which voids what is still under way from before.
    mutating func register(_ machine: MachineRecord) { registrations[machine.id] = write([.machinePut(machine)]) }

    func hasSession(_ machine: MachineID) -> Bool { sessionOfMachine[machine] != nil }

    func session(of machine: MachineID) -> Int? { sessionOfMachine[machine] }

    /// The session ends: all that is under it vanishes in one revision.
    mutating func expire(_ session: Int, of machine: MachineID) {
        var events: [ClusterEvent] = []
        for unit in (sessionOfState[machine] ?? [:]).filter({ $0.value == session }).keys.sorted() {
            events.append(.stateGone(machine, unit))
        }
        if sessionOfMachine[machine] == session {
            events.append(.machineGone(machine))
            sessionOfMachine[machine] = nil
            registrations[machine] = nil
        }
        if !events.isEmpty { write(events) }
    }

    /// Writes the state keys of orders that are unchanged; `nil` when the registration is another.
    mutating func claim(
        _ orders: [Order], by machine: MachineID, registration: Int64
    ) -> (granted: [UnitState], lost: [Order])? {
        guard registrations[machine] == registration else { return nil }
        let valid = orders.filter { orderRevisions[machine]?[$0.unit] == $0.revision }
        let granted = valid.map { UnitState(machine: machine, unit: $0.unit, hash: $0.assignment.hash) }
        put(granted, machine)
        return (granted, orders.filter { !valid.contains($0) })
    }

    /// Writes reports where the machine's key stands.
    mutating func publish(_ states: [UnitState], by machine: MachineID, registration: Int64) -> [UnitState]? {
        guard registrations[machine] == registration else { return nil }
        let valid = states.filter { state.states[$0.unit]?[machine] != nil }
        put(valid, machine)
        return valid
    }

    mutating func withdraw(_ units: [UnitName], by machine: MachineID, registration: Int64) -> Bool {
        guard registrations[machine] == registration else { return false }
        let held = units.filter { state.states[$0]?[machine] != nil }
        if !held.isEmpty { write(held.map { .stateGone(machine, $0) }) }
        return true
    }

    private mutating func put(_ states: [UnitState], _ machine: MachineID) {
        guard !states.isEmpty else { return }
        write(states.map { .statePut($0) })
        for one in states { sessionOfState[machine, default: [:]][one.unit] = sessionOfMachine[machine] }
    }
}
