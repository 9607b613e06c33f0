// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Everything the store says of one cluster, at one revision, with the questions that commands and the engine ask of it.
package struct ClusterState: Sendable, Equatable {
    package private(set) var machines: [MachineID: MachineRecord] = [:]
    package private(set) var files: [ContentHash: UnitFile] = [:]
    package private(set) var units: [UnitName: UnitRecord] = [:]
    /// By unit, then by machine: one machine for an ordinary unit, several for a global one.
    package private(set) var assignments: [UnitName: [MachineID: Assignment]] = [:]
    package private(set) var states: [UnitName: [MachineID: UnitState]] = [:]
    package private(set) var leader: Leadership?

    package init() {}

    package init(_ events: some Sequence<ClusterEvent>) {
        for event in events { apply(event) }
    }

    package mutating func apply(_ event: ClusterEvent) {
        switch event {
        case .machinePut(let machine): machines[machine.id] = machine
        case .machineGone(let id): machines[id] = nil
        case .filePut(let hash, let file): files[hash] = file
        case .fileGone(let hash): files[hash] = nil
        case .unitPut(let unit): units[unit.name] = unit
        case .unitGone(let name): units[name] = nil
        case .assignmentPut(let assignment): assignments[assignment.unit, default: [:]][assignment.machine] = assignment
        case .assignmentGone(let machine, let unit): Self.remove(machine, unit, from: &assignments)
        case .statePut(let state): states[state.unit, default: [:]][state.machine] = state
        case .stateGone(let machine, let unit): Self.remove(machine, unit, from: &states)
        case .leaderPut(let leadership): leader = leadership
        case .leaderGone: leader = nil
        }
    }

    private static func remove<Entry>(
        _ machine: MachineID, _ unit: UnitName, from table: inout [UnitName: [MachineID: Entry]]
    ) {
        table[unit]?[machine] = nil
        if table[unit]?.isEmpty == true { table[unit] = nil }
    }

    /// All machines that are alive, by id.
    package var sortedMachines: [MachineRecord] { machines.values.sorted { $0.id < $1.id } }

    /// All units that the user asked for, by name.
    package var sortedUnits: [UnitRecord] { units.values.sorted { $0.name < $1.name } }

    /// What machines report of `unit`, by machine id; entries of machines that are gone do not occur.
    package func sortedStates(of unit: UnitName) -> [UnitState] {
        (states[unit] ?? [:]).values.sorted { $0.machine < $1.machine }
    }

    /// Where `unit` is assigned, by machine id.
    package func sortedAssignments(of unit: UnitName) -> [Assignment] {
        (assignments[unit] ?? [:]).values.sorted { $0.machine < $1.machine }
    }

    /// How far an ordinary unit has come, and on which machine.
    ///
    /// As in fleet this says what was issued to systemd, not that a process lives: `inactive` while no machine holds
    /// it, then `loaded` and `launched` as its machine reports having acted.
    package func current(of unit: UnitName) -> (state: TargetState, machine: MachineID?) {
        guard let assignment = sortedAssignments(of: unit).first else { return (.inactive, nil) }
        guard let state = states[unit]?[assignment.machine] else { return (.inactive, assignment.machine) }
        return (state.acted, assignment.machine)
    }
}
