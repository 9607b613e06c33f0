// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The part that decides: from the changes of the cluster's state to the steps that bring the schedule to what users want.
///
/// Feed it every change in order (`handle`), ask for steps (`plan`), and tell it what became of them (`committed`,
/// `failed`). It plans again only what a change touched. It holds three facts apart for every unit: what is wanted, where it is
/// assigned, and where a machine still holds it; a unit is placed only when no live machine holds it (rule R1).
package struct Engine: Sendable {
    /// What the engine wants done, and what it cannot do.
    package struct Plan: Sendable, Equatable {
        /// In the order in which they were decided; each atomic in itself.
        package var steps: [ScheduleStep]
        /// To be written before the steps.
        package var notes: [ClusterNote]
        /// To be written of operations, each by itself.
        package var operations: [OperationWrite]

        package init(steps: [ScheduleStep], notes: [ClusterNote] = [], operations: [OperationWrite] = []) {
            self.steps = steps
            self.notes = notes
            self.operations = operations
        }
    }

    /// A step that was handed out and whose effect this engine has not yet seen in the store.
    struct Pending: Sendable {
        let step: ScheduleStep
        /// Revision at which it was committed; `nil` until that is known.
        var revision: Int64?
    }

    package private(set) var state = ClusterState()
    /// Units that no machine can take now, and why; also units that wait for their old machine.
    package internal(set) var waiting: [UnitName: Refusal] = [:]
    /// Units of machines that are being drained that no other machine can take, and why.
    package internal(set) var held: [UnitName: Refusal] = [:]
    /// Set while nothing is taken over (rule R10).
    package internal(set) var brake: Brake?
    var attendance = Attendance()
    /// By machine that is being drained: the unit that is on its way from there to elsewhere.
    var leaving: [MachineID: UnitName] = [:]
    /// By machine that is being drained: units that a former leader may have sent from there, until they have come to rest.
    var arriving: [MachineID: Set<UnitName>] = [:]
    var operations = Operations()
    /// Whether it has planned nothing yet for a cluster that another leader may have left in the middle of something.
    var isSuccessor = false
    /// Orders whose state somebody took out of the store, by unit, until they are written once more: their machines look then.
    private var unshown: [UnitName: Set<MachineID>] = [:]
    var occupancy = Occupancy()
    var pending: [UnitName: [Pending]] = [:]
    /// Every change up to this revision has been seen.
    private var seen: Int64 = 0
    private var dirty: Set<UnitName> = []
    /// Units by a peer that they want to share a machine with.
    private var followers: [UnitName: Set<UnitName>] = [:]
    /// By alias: the units of the cluster whose files give them this further name.
    private var unitsOfAlias: [UnitName: Set<UnitName>] = [:]
    private(set) var globals: Set<UnitName> = []
    private var optionsOfFile: [ContentHash: SchedulingOptions] = [:]
    private var traitsOfUnit: [UnitName: (hash: ContentHash, traits: UnitTraits)] = [:]

    /// - Parameter lossWindow: How long losses of machines count together: the lifetime of sessions; `nil` for an engine that
    ///   sets no brake, though it heeds one that is set.
    package init(lossWindow: Duration? = nil) { attendance.window = lossWindow }

    /// An engine that takes over a cluster in the state that `events` describe.
    ///
    /// - Parameters:
    ///   - events: All that the store holds.
    ///   - revision: As of when.
    ///   - lossWindow: As of an engine that begins with nothing.
    ///   - isReread: Whether this leader has led before, and reads the cluster anew: no leader was lost.
    ///   - now: What time it is.
    package init(
        _ events: some Sequence<ClusterEvent>, revision: Int64, lossWindow: Duration? = nil, isReread: Bool = false,
        at now: Moment = Moment(nanoseconds: 0)
    ) {
        attendance.window = lossWindow
        isSuccessor = true
        tick(now)
        handle(events, revision: revision)
        if !isReread { inheritOperations() }
    }

    /// Takes in changes, in the store's order; afterwards everything up to `revision` has been seen.
    package mutating func handle(_ events: some Sequence<ClusterEvent>, revision: Int64) {
        for event in events { handle(event) }
        seen = max(seen, revision)
        var frees = false
        for unit in pending.keys where settleEchoed(unit) { frees = true }
        if frees { awaken() }
    }

    /// Lets go of the steps whose effect the store's changes have shown.
    ///
    /// - Returns: Whether a place became free, which counted as taken until now.
    private mutating func settleEchoed(_ unit: UnitName) -> Bool {
        guard let steps = pending[unit] else { return false }
        let echoed = steps.filter { ($0.revision ?? .max) <= seen }
        guard !echoed.isEmpty else { return false }
        let left = steps.filter { ($0.revision ?? .max) > seen }
        pending[unit] = left.isEmpty ? nil : left
        let changes = echoed.flatMap(\.step.changes)
        refresh(unit, changes.map(\.machine))
        dirty.insert(unit)
        return changes.contains { if case .withdraw = $0 { true } else { false } }
    }

    private mutating func handle(_ event: ClusterEvent) {
        let wasStanding = standing(before: event)
        let wasThere = if case .machineGone(let id) = event { state.machines[id] != nil } else { false }
        noticeUnshown(event)
        state.apply(event)
        attend(to: event, wasThere: wasThere)
        noticeOperation(event)
        switch event {
        case .machinePut(let machine): machinePut(state.machines[machine.id] ?? machine)
        case .metadataPut(let id, _), .metadataGone(let id):
            if let machine = state.machines[id] { machinePut(machine) }
        case .machineGone(let id): machineGone(id)
        case .filePut(let hash, _), .fileGone(let hash):
            optionsOfFile[hash] = nil
            fileChanged(hash)
        case .unitPut(let unit): unitChanged(unit.name)
        case .unitGone(let name): unitChanged(name)
        case .assignmentPut(let assignment): occupationChanged(assignment.unit, assignment.machine, frees: false)
        case .assignmentGone(let machine, let unit): occupationChanged(unit, machine, frees: true)
        case .statePut(let unitState):
            // Routine reports change nothing that placement looks at.
            if !wasStanding { occupationChanged(unitState.unit, unitState.machine, frees: false) }
        case .stateGone(let machine, let unit): occupationChanged(unit, machine, frees: true)
        case .controlPut(let id, _), .controlGone(let id): controlChanged(id)
        case .leaderPut, .leaderGone, .seenPut, .seenGone, .brakePut, .brakeGone, .operationPut, .operationGone,
            .wavePut,
            .waveGone:
            break
        }
    }

    /// Takes in what an event says of orders without a state; called before the event is applied.
    ///
    /// A machine deletes a state when its order is gone. With its order still there it was somebody else, and the unit runs on
    /// in no list: no machine would keep off what it holds (rule R1).
    private mutating func noticeUnshown(_ event: ClusterEvent) {
        switch event {
        case .stateGone(let machine, let unit):
            guard state.machines[machine] != nil, state.assignments[unit]?[machine] != nil,
                state.states[unit]?[machine] != nil
            else { return }
            unshown[unit, default: []].insert(machine)
        case .statePut(let report): shown(report.unit, on: report.machine)
        case .assignmentPut(let order): shown(order.unit, on: order.machine)
        case .assignmentGone(let machine, let unit): shown(unit, on: machine)
        case .machineGone(let id): for unit in unshown.keys { shown(unit, on: id) }
        default: break
        }
    }

    private mutating func shown(_ unit: UnitName, on machine: MachineID) {
        guard unshown[unit]?.remove(machine) != nil else { return }
        if unshown[unit]?.isEmpty == true { unshown[unit] = nil }
    }

    /// Whether the order of a unit must be written again, although it says what is wanted.
    func isUnshown(_ unit: UnitName, on machine: MachineID) -> Bool { unshown[unit]?.contains(machine) == true }

    /// Whether the machine of a state report is known to hold the unit already.
    private func standing(before event: ClusterEvent) -> Bool {
        guard case .statePut(let report) = event else { return false }
        return state.states[report.unit]?[report.machine] != nil
    }

    /// Steps for everything that changed since the last call; they count as done until `failed` says otherwise.
    package mutating func plan() -> Plan {
        var steps: [ScheduleStep] = []
        var placement = Placement()
        var operations: [OperationWrite] = []
        var rounds = 0
        let notes = reviewBrake()
        while rounds < 100 {
            rounds += 1
            // After a round a unit that was to leave a machine may have turned out to fit nowhere: the next one's turn.
            reviewDrains(&placement)
            operations += reviewOperations(&placement)
            if dirty.isEmpty { break }
            let names = dirty.sorted()
            dirty = []
            for name in names where pending[name] == nil {
                for step in decide(name, placement: &placement) {
                    steps.append(step)
                    handOut(step)
                }
            }
        }
        return Plan(steps: steps, notes: notes, operations: operations)
    }

    /// The steps were committed at `revision`; the store's changes may have shown it before this answer came.
    package mutating func committed(_ steps: [ScheduleStep], at revision: Int64) {
        var frees = false
        for step in steps {
            guard let index = pending[step.unit]?.firstIndex(where: { $0.step == step && $0.revision == nil }) else {
                continue
            }
            pending[step.unit]?[index].revision = revision
            if settleEchoed(step.unit) { frees = true }
        }
        if frees { awaken() }
    }

    /// The steps were not committed, and nothing of them happened; they are decided anew by the next `plan`.
    ///
    /// A step whose outcome is unknown (no answer came) has not failed in this sense: it may still be committed, after
    /// another machine was chosen. Whoever cannot tell gives up the lead, so that its epoch voids what is under way.
    package mutating func failed(_ steps: [ScheduleStep]) {
        for step in steps {
            pending[step.unit]?.removeAll { $0.step == step && $0.revision == nil }
            if pending[step.unit]?.isEmpty == true { pending[step.unit] = nil }
            lookAtFollowers(of: step.unit)
            refresh(step.unit, step.changes.map(\.machine))
            dirty.insert(step.unit)
        }
        // Places that were to be taken are free again.
        awaken()
    }

    private mutating func handOut(_ step: ScheduleStep) {
        pending[step.unit, default: []].append(Pending(step: step))
        refresh(step.unit, step.changes.map(\.machine))
        // Whoever wants to stand beside the unit, or waits for the place that it leaves, is looked at in the same plan.
        lookAtFollowers(of: step.unit)
        for case .assign(let assignment) in step.changes { dirty.formUnion(victims(of: assignment)) }
    }
}

extension ScheduleStep.Change {
    /// The machine whose schedule the change touches.
    package var machine: MachineID {
        switch self {
        case .assign(let assignment): assignment.machine
        case .withdraw(let machine, _): machine
        }
    }
}

// MARK: Which units a change touches

extension Engine {
    private mutating func machinePut(_ machine: MachineRecord) {
        let slot = occupancy.slot(of: machine.id)
        let former = slot.flatMap { occupancy.slots[$0]?.machine }
        occupancy.put(machine)
        occupancy.close(machine.id, state.control[machine.id]?.isClosed ?? false)
        guard let slot, let former else {
            // What the store says of its units may have come first, and steps towards it may be under way.
            let coming = pending.filter { $0.value.contains { $0.step.changes.contains { $0.machine == machine.id } } }
            for unit in Set(coming.keys).union(state.units(on: machine.id)) {
                refresh(unit, [machine.id])
                dirty.insert(unit)
            }
            return awaken()
        }
        if former.isClosed, !machine.isClosed { awaken() }
        guard former.metadata != machine.metadata else { return }
        dirty.formUnion((occupancy.slots[slot]?.occupants.keys).map(Array.init) ?? [])
        awaken()
    }

    private mutating func machineGone(_ id: MachineID) {
        if let slot = occupancy.slot(of: id) {
            dirty.formUnion((occupancy.slots[slot]?.occupants.keys).map(Array.init) ?? [])
        }
        occupancy.remove(id)
        dirty.formUnion(state.units(on: id))
        dirty.formUnion(globals)
        awaken()
    }

    private mutating func controlChanged(_ id: MachineID) {
        occupancy.close(id, state.control[id]?.isClosed ?? false)
        dirty.formUnion(state.units(on: id))
        awaken()
    }

    mutating func markDirty(_ unit: UnitName) { dirty.insert(unit) }

    private mutating func fileChanged(_ hash: ContentHash) {
        for (name, unit) in state.units where unit.hash == hash { unitChanged(name) }
    }

    private mutating func unitChanged(_ name: UnitName) {
        let former = traitsOfUnit.removeValue(forKey: name)?.traits
        if let old = former {
            for peer in old.options.machineOf {
                followers[peer]?.remove(name)
                if followers[peer]?.isEmpty == true { followers[peer] = nil }
            }
            globals.remove(name)
        }
        let present = traits(of: name)
        if let traits = present {
            for peer in traits.options.machineOf { followers[peer, default: []].insert(name) }
            if traits.options.isGlobal { globals.insert(name) }
            // Whoever is beside it by a name that it has no more must go.
            for alias in occupancy.traits[name]?.aliases ?? [] where !traits.aliases.contains(alias) {
                dirty.formUnion(followers[alias] ?? [])
            }
            // Whoever it kept off by what its file says no more is tried again. What stands is asked, since the former file's
            // traits are forgotten when the new one comes late.
            if occupancy.traits[name]?.givesWay(to: traits) == true { awaken() }
            // Where it stands its rules hold at once, whichever unit is decided first.
            occupancy.update(traits)
        } else {
            waiting[name] = nil
        }
        aliasesChanged(of: name, from: former?.aliases ?? [], to: present?.aliases ?? [])
        // Whoever waits for its machine says whether there is such a unit.
        let exists = isThere(name)
        for follower in followers[name] ?? [] where waiting[follower]?.missing.contains(name) == exists {
            dirty.insert(follower)
        }
        dirty.insert(name)
    }

    private mutating func occupationChanged(_ unit: UnitName, _ machine: MachineID, frees: Bool) {
        let former = occupancy.traits[unit]
        refresh(unit, [machine])
        dirty.insert(unit)
        lookAtFollowers(of: unit)
        // A destroyed unit that leaves its last machine takes its names along.
        for alias in former?.aliases ?? [] { dirty.formUnion(followers[alias] ?? []) }
        if frees { awaken() }
    }

    /// Whether the cluster has a unit whose own name or alias is `name`.
    func isThere(_ name: UnitName) -> Bool { state.units[name] != nil || unitsOfAlias[name] != nil }

    /// Takes in that a unit is called otherwise than before; most units have no aliases, and then nothing happens.
    private mutating func aliasesChanged(of name: UnitName, from old: [UnitName], to new: [UnitName]) {
        guard old != new else { return }
        for alias in old {
            unitsOfAlias[alias]?.remove(name)
            if unitsOfAlias[alias]?.isEmpty == true { unitsOfAlias[alias] = nil }
        }
        for alias in new { unitsOfAlias[alias, default: []].insert(name) }
        // Somebody may wait to be beside such a name, or to be where nothing is called so.
        awaken()
    }

    /// Whoever wants to stand beside the unit, by whichever of its names, is decided anew.
    private mutating func lookAtFollowers(of unit: UnitName) {
        guard !followers.isEmpty else { return }
        dirty.formUnion(followers[unit] ?? [])
        // A destroyed unit has its names only where it stands.
        for alias in (traitsOfUnit[unit]?.traits ?? occupancy.traits[unit])?.aliases ?? [] {
            dirty.formUnion(followers[alias] ?? [])
        }
    }

    /// Something became free: everything that waits is tried again.
    mutating func awaken() {
        dirty.formUnion(waiting.keys)
        dirty.formUnion(globals)
    }

    /// Units that a newly assigned unit evicts from its machine.
    private func victims(of assignment: Assignment) -> [UnitName] {
        guard let slot = occupancy.slot(of: assignment.machine),
            let globs = occupancy.traits[assignment.unit]?.options.replaces, !globs.isEmpty
        else { return [] }
        let names = (occupancy.slots[slot]?.occupants.keys).map { $0.sorted() } ?? []
        return names.filter { $0 != assignment.unit && occupancy.traits[$0]?.isMatched(by: globs) == true }
    }

    /// Derives anew whether `unit` stands on these machines, from the store's word and the steps under way.
    mutating func refresh(_ unit: UnitName, _ machines: [MachineID]) {
        for machine in machines {
            guard let slot = occupancy.slot(of: machine) else { continue }
            var isAssigned = state.assignments[unit]?[machine] != nil
            var stands = isAssigned || state.states[unit]?[machine] != nil
            for change in (pending[unit] ?? []).flatMap(\.step.changes) where change.machine == machine {
                if case .assign = change { isAssigned = true } else { isAssigned = false }
                stands = true
            }
            guard stands else {
                occupancy.vacate(unit, slot: slot)
                continue
            }
            // A unit that the user removed stands there until its machine has stopped it; its rules still hold.
            let known =
                traits(of: unit) ?? occupancy.traits[unit] ?? UnitTraits(name: unit, options: SchedulingOptions())
            occupancy.occupy(known, slot: slot, isAssigned: isAssigned)
        }
    }

    /// The options of a unit, read once for all units that share the file, unless the file speaks of the unit's own name.
    private mutating func options(of file: UnitFile, for name: UnitName) -> SchedulingOptions {
        if let known = optionsOfFile[file.hash] { return known }
        let options = SchedulingOptions(of: file, for: name)
        let usesSpecifiers = file.options.contains { $0.section == SchedulingOptions.section && $0.value.contains("%") }
        if !usesSpecifiers { optionsOfFile[file.hash] = options }
        return options
    }

    /// What the unit's file says for placement; `nil` while the unit or its file is not in the store.
    mutating func traits(of name: UnitName) -> UnitTraits? {
        guard let unit = state.units[name] else { return nil }
        if let known = traitsOfUnit[name], known.hash == unit.hash { return known.traits }
        guard let file = state.files[unit.hash] else { return nil }
        let traits = UnitTraits(name: name, options: options(of: file, for: name), aliases: file.aliases(of: name))
        traitsOfUnit[name] = (unit.hash, traits)
        return traits
    }
}
