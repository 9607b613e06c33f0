// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore

/// A cluster in memory: it keeps what it is told, and places and runs units at once by the conflicts of their files.
actor FakeFleet: FleetService {
    private(set) var view = FleetView()
    /// What was asked for, in order, without questions.
    private(set) var requests: [String] = []
    /// When `false`, units stay where they are: the test itself says what happens.
    private let runsUnits: Bool
    private let refusals: [String: ClusterManagerError]
    private var answersAboutMachines: [Result<[FleetMachine], ClusterManagerError>]
    private var followers:
        [Int: (units: Set<UnitName>, stream: AsyncThrowingStream<FleetEvent, any Error>.Continuation)] =
            [:]
    private var nextFollower = 0
    private var time: Int64 = 1_000_000

    /// Makes a fleet.
    ///
    /// `refusals` says what to answer to requests, by the text that `requests` would have, and to questions about the states of one
    /// unit, by "states of" and its name; `answersAboutMachines` what to answer
    /// to the first questions about machines.
    init(
        units: [FleetUnit] = [], states: [FleetUnitState] = [], machines: [FleetMachine] = Fixtures.machines(5),
        runsUnits: Bool = true, refusals: [String: ClusterManagerError] = [:],
        answersAboutMachines: [Result<[FleetMachine], ClusterManagerError>] = []
    ) {
        self.view = FleetView(units: units, states: states, machines: machines)
        self.runsUnits = runsUnits
        self.refusals = refusals
        self.answersAboutMachines = answersAboutMachines
    }

    func units() async throws -> [FleetUnit] {
        view.sortedUnits.map { unit in
            var unit = unit
            unit.reason = nil
            return unit
        }
    }

    private var gathered = 0
    private var openQuestions = 0
    /// How many questions for one unit have been open at a time.
    private(set) var mostOpenQuestions = 0

    /// Has questions for one unit wait until so many are open, or nobody will come any more.
    func gatherQuestions(_ count: Int) { gathered = count }

    func unit(_ name: UnitName) async throws -> FleetUnit? {
        openQuestions += 1
        defer { openQuestions -= 1 }
        mostOpenQuestions = max(mostOpenQuestions, openQuestions)
        var turns = 0
        while mostOpenQuestions < gathered, turns < 1_000_000 {
            turns += 1
            await Task.yield()
        }
        return view.units[name]
    }

    /// How often it was asked how units are.
    private(set) var stateQuestions = 0

    func states(of unit: UnitName?) async throws -> [FleetUnitState] {
        stateQuestions += 1
        if let unit, let refusal = refusals["states of \(unit)"] { throw refusal }
        return view.sortedStates.filter { unit == nil || $0.name == unit }
    }

    func machines() async throws -> [FleetMachine] {
        answersAboutMachines.isEmpty ? view.sortedMachines : try answersAboutMachines.removeFirst().get()
    }

    func create(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        try note("create \(name) \(target.rawValue)")
        tell(.unit(FleetUnit(name: name, file: file.file, desired: target)))
        settle(name)
    }

    func replace(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        try note("replace \(name) \(target.rawValue)")
        guard let old = view.units[name] else { throw ClusterManagerError(.unit, "no unit \(name)") }
        tell(.unit(FleetUnit(name: name, file: file.file, desired: target, current: .inactive, machine: old.machine)))
        settle(name, restarts: true)
    }

    func setTarget(_ target: TargetState, of name: UnitName) async throws {
        try note("set \(name) \(target.rawValue)")
        guard var unit = view.units[name] else { throw ClusterManagerError(.unit, "no unit \(name)") }
        unit.desired = target
        tell(.unit(unit))
        settle(name)
    }

    func restart(_ name: UnitName) async throws {
        try note("restart \(name)")
        settle(name, restarts: true)
    }

    func destroy(_ name: UnitName) async throws -> Bool {
        try note("destroy \(name)")
        guard view.units[name] != nil else { return false }
        tell(.unitGone(name))
        if runsUnits {
            for machine in view.states[name, default: [:]].keys { tell(.stateGone(name, machine: machine)) }
        }
        return true
    }

    func explanation(of name: UnitName) async throws -> FleetExplanation? {
        view.units[name].map { unit in
            FleetExplanation(
                desired: unit.desired.rawValue, current: (unit.current ?? .inactive).rawValue,
                machines: unit.machine.map { [$0] } ?? [], reasons: unit.reason.map { [$0] } ?? [])
        }
    }

    func changeMetadata(of machine: String, _ changes: [MetadataEdit]) async throws {
        guard var record = view.machines[machine] else { throw ClusterManagerError(.refused, "no \(machine)") }
        for change in changes {
            switch change {
            case .set(let key, let value):
                try note("metadata \(machine.prefix(8)) \(key)=\(value)")
                record.metadata[key] = value
            case .delete(let key):
                try note("metadata \(machine.prefix(8)) -\(key)")
                record.metadata[key] = nil
            }
        }
        tell(.machine(record))
    }

    /// How often a stream of events was asked for.
    private(set) var eventQuestions = 0
    private var refusalsOfEvents: (left: Int, error: ClusterManagerError)?

    /// Has the next streams of events fail to open.
    func refuseEvents(_ count: Int, _ error: ClusterManagerError) { refusalsOfEvents = (count, error) }

    func events(of units: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error> {
        eventQuestions += 1
        if let refusal = refusalsOfEvents, refusal.left > 0 {
            refusalsOfEvents?.left -= 1
            throw refusal.error
        }
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: FleetEvent.self)
        let wanted = Set(units)
        for unit in view.sortedUnits where wanted.isEmpty || wanted.contains(unit.name) {
            continuation.yield(.unit(unit))
        }
        for state in view.sortedStates where wanted.isEmpty || wanted.contains(state.name) {
            continuation.yield(.state(state))
        }
        if wanted.isEmpty { for machine in view.sortedMachines { continuation.yield(.machine(machine)) } }
        continuation.yield(.synchronised)
        followers[nextFollower] = (wanted, continuation)
        nextFollower += 1
        return stream
    }

    /// What journals answer: entries that the query's limits do not touch, and notices.
    var journals: [FleetJournalItem] = []
    private(set) var journalQueries: [FleetJournalQuery] = []

    func setJournals(_ items: [FleetJournalItem]) { journals = items }

    /// What the first streams give before they break, as when the agent that was asked restarts.
    private var brokenJournals: [[FleetJournalItem]] = []
    private var wholeJournals: [[FleetJournalItem]] = []

    /// Breaks the next answers after these items, then gives `whole` ones, then what was set.
    func breakJournals(after items: [[FleetJournalItem]], whole: [[FleetJournalItem]] = []) {
        (brokenJournals, wholeJournals) = (items, whole)
    }

    func journal(_ query: FleetJournalQuery) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error> {
        if let refusal = refusals["journal"] { throw refusal }
        journalQueries.append(query)
        let (stream, continuation) = AsyncThrowingStream<[FleetJournalItem], any Error>.makeStream()
        let isBroken = !brokenJournals.isEmpty
        let whole = isBroken || wholeJournals.isEmpty ? journals : wholeJournals.removeFirst()
        for item in isBroken ? brokenJournals.removeFirst() : whole { continuation.yield([item]) }
        let failure = ClusterManagerError(.unreachable, "the exchange broke off", isTransient: true)
        if isBroken { continuation.finish(throwing: failure) } else { continuation.finish() }
        return stream
    }

    /// Makes something happen and tells it to everybody who follows.
    func tell(_ event: FleetEvent) {
        view.apply(event)
        for (units, stream) in followers.values {
            let isWanted = event.unit.map(units.contains) ?? false
            if units.isEmpty || isWanted { stream.yield(event) }
        }
    }

    /// Breaks every event stream, as a server does that restarts.
    func dropFollowers() {
        for follower in followers.values {
            follower.stream.finish(throwing: ClusterManagerError(.unreachable, "the server ended the stream"))
        }
        followers = [:]
    }

    private func note(_ request: String) throws {
        if let refusal = refusals[request] { throw refusal }
        requests.append(request)
    }

    /// What engine and agent would do.
    private func settle(_ name: UnitName, restarts: Bool = false) {
        guard runsUnits, var unit = view.units[name], !unit.isGlobal else { return }
        if unit.desired == .inactive {
            if let machine = unit.machine { tell(.stateGone(name, machine: machine)) }
            (unit.machine, unit.current) = (nil, .inactive)
            return tell(.unit(unit))
        }
        if unit.machine == nil { unit.machine = freeMachine(for: unit) }
        guard let machine = unit.machine else {
            unit.reason = "no machine is free of conflicts"
            return tell(.unit(unit))
        }
        let old = view.state(of: name)
        let active = unit.desired == .launched ? "active" : "inactive"
        if restarts || old?.active != active { time += 1000 }
        unit.current = unit.desired
        tell(.unit(unit))
        tell(
            .state(
                Fixtures.state(
                    unit, on: machine, active, active == "active" ? "running" : "dead", since: time)))
    }

    private func freeMachine(for unit: FleetUnit) -> String? {
        func excludes(_ one: FleetUnit, _ other: FleetUnit) -> Bool {
            SchedulingOptions(of: one.file, for: one.name).conflicts(with: other.name)
        }
        let placed = view.sortedUnits.filter { $0.machine != nil && $0.name != unit.name }
        let free = view.sortedMachines.filter { machine in
            !placed.contains { $0.machine == machine.id && (excludes(unit, $0) || excludes($0, unit)) }
        }
        return free.min { one, other in
            let (left, right) = (load(placed, one.id), load(placed, other.id))
            return (left, one.id) < (right, other.id)
        }?.id
    }

    private func load(_ placed: [FleetUnit], _ machine: String) -> Int { placed.count { $0.machine == machine } }
}
