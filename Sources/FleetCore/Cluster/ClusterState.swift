// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One change of the cluster's state in the store, in the order in which the store committed it.
package enum ClusterEvent: Hashable, Sendable {
    case machinePut(MachineRecord)
    case machineGone(MachineID)
    /// What an operator laid over a machine's metadata; `nil` hides a key that the machine itself brings along.
    case metadataPut(MachineID, [String: String?])
    case metadataGone(MachineID)
    case filePut(ContentHash, UnitFile)
    case fileGone(ContentHash)
    case unitPut(UnitRecord)
    case unitGone(UnitName)
    case assignmentPut(Assignment)
    case assignmentGone(MachineID, UnitName)
    case statePut(UnitState)
    case stateGone(MachineID, UnitName)
    case leaderPut(Leadership)
    case leaderGone
    /// What an operator wants of a machine.
    case controlPut(MachineID, MachineControl)
    case controlGone(MachineID)
    /// The leader has seen the machine alive, and has not dealt with its loss since.
    case seenPut(MachineID)
    case seenGone(MachineID)
    case brakePut(Brake)
    case brakeGone
    case operationPut(OperationRecord)
    case operationGone(OperationID)
    case wavePut(OperationWave)
    case waveGone(OperationID, Int)
}

/// Everything the store says of one cluster, at one revision, with the questions that commands and the engine ask of it.
package struct ClusterState: Sendable, Equatable {
    /// All machines that are alive, with the metadata that holds: their own under what operators laid over it.
    package private(set) var machines: [MachineID: MachineRecord] = [:]
    /// The same machines as they announced themselves.
    package private(set) var announced: [MachineID: MachineRecord] = [:]
    /// What operators laid over machines' metadata, also for machines that are away; `nil` hides a key.
    package private(set) var metadata: [MachineID: [String: String?]] = [:]
    package private(set) var files: [ContentHash: UnitFile] = [:]
    package private(set) var units: [UnitName: UnitRecord] = [:]
    /// By unit, then by machine: one machine for an ordinary unit, several for a global one.
    package private(set) var assignments: [UnitName: [MachineID: Assignment]] = [:]
    package private(set) var states: [UnitName: [MachineID: UnitState]] = [:]
    /// Units with an assignment to, or a report from, each machine, with how many of the two there are.
    private var unitsOfMachine: [MachineID: [UnitName: Int]] = [:]
    package private(set) var leader: Leadership?
    /// What operators want of machines, also of those that are away.
    package private(set) var control: [MachineID: MachineControl] = [:]
    /// Machines that live or vanished just now, as the leader wrote them down; see `Brake`.
    package private(set) var seen: Set<MachineID> = []
    /// Set while no machine's units are taken over.
    package private(set) var brake: Brake?
    /// Operations that go on, and those that have ended and are not forgotten.
    package private(set) var operations: [OperationID: OperationRecord] = [:]
    /// Those that go on, which are few where those that have ended may be thousands.
    private(set) var living: Set<OperationID> = []
    /// By operation: its waves that can be read, by number.
    package private(set) var waves: [OperationID: [Int: OperationWave]] = [:]

    package init() {}

    package init(_ events: some Sequence<ClusterEvent>) {
        for event in events { apply(event) }
    }

    package mutating func apply(_ event: ClusterEvent) {
        switch event {
        case .machinePut(let machine):
            announced[machine.id] = machine
            merge(machine.id)
        case .machineGone(let id):
            announced[id] = nil
            merge(id)
        case .metadataPut(let id, let changes):
            metadata[id] = changes
            merge(id)
        case .metadataGone(let id):
            metadata[id] = nil
            merge(id)
        case .filePut(let hash, let file): files[hash] = file
        case .fileGone(let hash): files[hash] = nil
        case .unitPut(let unit): units[unit.name] = unit
        case .unitGone(let name): units[name] = nil
        case .assignmentPut(let assignment):
            let former = assignments[assignment.unit, default: [:]].updateValue(assignment, forKey: assignment.machine)
            if former == nil { unitsOfMachine[assignment.machine, default: [:]][assignment.unit, default: 0] += 1 }
        case .assignmentGone(let machine, let unit): remove(machine, unit, from: \.assignments)
        case .statePut(let state):
            let former = states[state.unit, default: [:]].updateValue(state, forKey: state.machine)
            if former == nil { unitsOfMachine[state.machine, default: [:]][state.unit, default: 0] += 1 }
        case .stateGone(let machine, let unit): remove(machine, unit, from: \.states)
        case .leaderPut(let leadership): leader = leadership
        case .leaderGone: leader = nil
        case .controlPut(let id, let wanted): control[id] = wanted
        case .controlGone(let id): control[id] = nil
        case .seenPut(let id): seen.insert(id)
        case .seenGone(let id): seen.remove(id)
        case .brakePut(let set): brake = set
        case .brakeGone: brake = nil
        case .operationPut(let operation):
            operations[operation.id] = operation
            if operation.isLiving { living.insert(operation.id) } else { living.remove(operation.id) }
        case .operationGone(let id):
            operations[id] = nil
            living.remove(id)
        case .wavePut(let wave): waves[wave.operation, default: [:]][wave.number] = wave
        case .waveGone(let id, let number):
            waves[id]?[number] = nil
            if waves[id]?.isEmpty == true { waves[id] = nil }
        }
    }

    /// The events that make this state out of an empty one, in no order: a plan does not depend on it.
    package var events: [ClusterEvent] {
        var events: [ClusterEvent] = []
        events.reserveCapacity(files.count + machines.count + units.count + assignments.count + states.count + 1)
        for (hash, file) in files { events.append(.filePut(hash, file)) }
        for machine in announced.values { events.append(.machinePut(machine)) }
        for (id, changes) in metadata { events.append(.metadataPut(id, changes)) }
        for unit in units.values { events.append(.unitPut(unit)) }
        for placed in assignments.values {
            for assignment in placed.values { events.append(.assignmentPut(assignment)) }
        }
        for reported in states.values { for state in reported.values { events.append(.statePut(state)) } }
        for (id, wanted) in control { events.append(.controlPut(id, wanted)) }
        for id in seen { events.append(.seenPut(id)) }
        if let brake { events.append(.brakePut(brake)) }
        for operation in operations.values { events.append(.operationPut(operation)) }
        for of in waves.values { for wave in of.values { events.append(.wavePut(wave)) } }
        if let leader { events.append(.leaderPut(leader)) }
        return events
    }

    private mutating func merge(_ id: MachineID) {
        var machine = announced[id]
        for (key, value) in metadata[id] ?? [:] { machine?.metadata[key] = value }
        machines[id] = machine
    }

    private mutating func remove<Entry>(
        _ machine: MachineID, _ unit: UnitName, from table: WritableKeyPath<Self, [UnitName: [MachineID: Entry]]>
    ) {
        guard self[keyPath: table][unit]?.removeValue(forKey: machine) != nil else { return }
        if self[keyPath: table][unit]?.isEmpty == true { self[keyPath: table][unit] = nil }
        let left = (unitsOfMachine[machine]?[unit] ?? 1) - 1
        unitsOfMachine[machine]?[unit] = left == 0 ? nil : left
        if unitsOfMachine[machine]?.isEmpty == true { unitsOfMachine[machine] = nil }
    }

    /// Units that are assigned to `machine` or that it reports on, by name.
    package func units(on machine: MachineID) -> [UnitName] { (unitsOfMachine[machine] ?? [:]).keys.sorted() }

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

    /// Where `unit` is assigned on machines that are alive, by machine id; not what a destroyed unit of its name has left.
    package func livingAssignments(of unit: UnitName) -> [Assignment] {
        let record = units[unit]
        return sortedAssignments(of: unit).filter { assignment in
            machines[assignment.machine] != nil && !(record.map(assignment.isForPredecessor) ?? false)
        }
    }

    /// How far an ordinary unit has come, and on which machine.
    ///
    /// As in fleet this says what was issued to systemd, not that a process lives: `inactive` while no machine holds
    /// it, then `loaded` and `launched` as its machine reports having acted. A machine that is gone holds nothing, though what
    /// was assigned to it stays so until another can take it.
    package func current(of unit: UnitName) -> (state: TargetState, machine: MachineID?) {
        guard let assignment = livingAssignments(of: unit).first else { return (.inactive, nil) }
        guard let state = states[unit]?[assignment.machine] else { return (.inactive, assignment.machine) }
        return (state.acted, assignment.machine)
    }
}
