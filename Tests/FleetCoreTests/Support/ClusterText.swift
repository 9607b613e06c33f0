// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// A cluster as text, for tables of engine and placement.
///
/// ```
/// meta A role=db zone=    an operator laid this over A's metadata          -meta A         nothing any more
/// A role=web              machine A is there, with this metadata           -A              it is gone
/// web launched            the user wants it (v2 file, #1 restarts, then    -web            the user destroyed it
///                         options of [X-Fleet], and Alias=)
/// A: web launched         it is assigned to A                              -A: web         it is not
/// A> web launched         A holds it and acted so far                      -A> web         A holds it no longer
/// ```
///
/// drain A, cordon A        an operator wants this of A                      uncordon A      no longer
/// release                  an operator lifts the brake
/// operation drain A        an operation `drain` hands A's units over        operation move web B      `move` brings it to B
/// pause drain, resume drain, abort drain                                    -operation drain 1        its wave is not there
/// A> web launched failed   it has failed there
/// A unit line without version and options keeps the unit's file; `nofile` leaves the file out of the store, and
/// `file web` brings it.
struct ClusterText {
    private(set) var state = ClusterState()
    var files = TestFiles()
    private var optionsOfUnit: [String: [String]] = [:]
    /// Counts what the store takes in.
    private var revision: Int64 = 0

    /// The changes that a line tells of; `state` has them already.
    mutating func events(_ line: String) -> [ClusterEvent] {
        let events = line.hasPrefix("-") ? removal(Text.trimmed(line.dropFirst())) : addition(line)
        for event in events { state.apply(event) }
        return events
    }

    mutating func apply(_ change: ScheduleStep.Change) -> ClusterEvent {
        let event: ClusterEvent =
            switch change {
            case .assign(let assignment): .assignmentPut(stamped(assignment))
            case .withdraw(let machine, let unit): .assignmentGone(machine, unit)
            }
        state.apply(event)
        return event
    }

    mutating func apply(_ write: OperationWrite) -> [ClusterEvent] {
        revision += 1
        let events = OperationText.events(of: write, in: state, at: revision)
        for event in events { state.apply(event) }
        return events
    }

    mutating func apply(_ note: ClusterNote) -> ClusterEvent {
        let event: ClusterEvent =
            switch note {
            case .remember(let id): .seenPut(id)
            case .forget(let id): .seenGone(id)
            case .brake(let brake): .brakePut(brake)
            case .release: .brakeGone
            }
        state.apply(event)
        return event
    }

    private mutating func wish(_ words: [String]) -> [ClusterEvent]? {
        guard let first = words.first else { return nil }
        if first == "release" {
            // As the registry does it: with the brake goes what would bring it back.
            return (state.brake?.lost ?? []).map { .seenGone($0) } + [.brakeGone]
        }
        guard words.count == 2, Short.isMachine(words[1]) else { return nil }
        switch first {
        case "cordon", "drain":
            let machine = Short.machine(words[1])
            var wanted = MachineControl(isCordoned: true, isDraining: first == "drain")
            revision += 1
            wanted.created = state.control[machine]?.created ?? Stamp(revision)
            return [.controlPut(machine, wanted)]
        case "uncordon": return [.controlGone(Short.machine(words[1]))]
        default: return nil
        }
    }

    private mutating func addition(_ line: String) -> [ClusterEvent] {
        if let events = wish(Text.words(line)) ?? OperationText.events(Text.words(line), in: state) { return events }
        if let (machine, unit, rest) = onMachine(line, mark: ":") {
            return [.assignmentPut(stamped(assignment(machine, unit, rest)))]
        }
        if let (machine, unit, rest) = onMachine(line, mark: ">") {
            let hasFailed = rest.last == "failed"
            let assigned = assignment(machine, unit, hasFailed ? rest.dropLast() : rest)
            return [
                .statePut(
                    UnitState(
                        machine: machine, unit: assigned.unit, active: hasFailed ? "failed" : "", hash: assigned.hash,
                        acted: assigned.target, restarts: assigned.restarts))
            ]
        }
        let words = Text.words(line)
        guard let first = words.first else { return [] }
        if Short.isMachine(first) {
            let pairs = words.dropFirst().filter { !$0.hasPrefix("!") }.map {
                $0.split(separator: "=").map(String.init)
            }
            let metadata = Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
            let id = Short.machine(first)
            let trouble = words.first { $0.hasPrefix("!") }.map { String($0.dropFirst()) } ?? ""
            return [
                .machinePut(
                    MachineRecord(
                        id: id, name: first, address: "", metadata: metadata, trouble: trouble,
                        isClosed: !trouble.isEmpty))
            ]
        }
        if first == "file" { return file(of: words[1]) }
        if first == "meta" { return [.metadataPut(Short.machine(words[1]), Self.overlay(words.dropFirst(2)))] }
        return unit(first, words.dropFirst().map(\.self))
    }

    /// `role=web` lays a value over the machine's own, `zone=` hides what it brings along.
    private static func overlay(_ words: some Sequence<String>) -> [String: String?] {
        var changes: [String: String?] = [:]
        for word in words {
            let sides = word.split(separator: "=").map(String.init)
            changes[sides[0]] = .some(sides.count > 1 ? sides[1] : nil)
        }
        return changes
    }

    private func file(of unit: String) -> [ClusterEvent] {
        guard let hash = state.units[Short.unit(unit)]?.hash, let file = files.file(hash) else {
            Issue.record("no file of \(unit) is known")
            return []
        }
        return [.filePut(hash, file)]
    }

    private mutating func unit(_ name: String, _ words: [String]) -> [ClusterEvent] {
        let unit = Short.unit(name)
        let former = state.units[unit]
        let options = words.filter { $0.contains("=") }
        let version = words.first { $0.hasPrefix("v") && Int($0.dropFirst()) != nil }.flatMap { Int($0.dropFirst()) }
        var hash = former?.hash
        if hash == nil || version != nil || !options.isEmpty {
            if !options.isEmpty { optionsOfUnit[name] = options }
            hash = files.hash(name, version: version ?? 1, options: optionsOfUnit[name] ?? [])
        }
        guard let hash, let file = files.file(hash) else { return [] }
        var record = UnitRecord(
            name: unit, hash: hash, target: Short.target(words.first ?? ""), restarts: Self.restarts(words))
        revision += 1
        record.created = former?.created ?? Stamp(revision)
        return (words.contains("nofile") ? [] : [.filePut(hash, file)]) + [.unitPut(record)]
    }

    /// Tables may tell of an assignment before they tell of its unit: then nothing is said of which came first.
    private mutating func stamped(_ assignment: Assignment) -> Assignment {
        guard state.units[assignment.unit] != nil else { return assignment }
        revision += 1
        var assignment = assignment
        assignment.written = Stamp(revision)
        return assignment
    }

    private func removal(_ line: String) -> [ClusterEvent] {
        if let (machine, unit, _) = onMachine(line, mark: ":") { return [.assignmentGone(machine, Short.unit(unit))] }
        if let (machine, unit, _) = onMachine(line, mark: ">") { return [.stateGone(machine, Short.unit(unit))] }
        if line.hasPrefix("meta ") { return [.metadataGone(Short.machine(Text.words(line)[1]))] }
        guard Short.isMachine(line) else { return [.unitGone(Short.unit(line))] }
        // Everything under a session vanishes with it, in one revision.
        let id = Short.machine(line)
        let held = state.units(on: id).filter { state.states[$0]?[id] != nil }
        return held.map { .stateGone(id, $0) } + [.machineGone(id)]
    }

    private func onMachine(_ line: String, mark: Character) -> (MachineID, String, [String])? {
        let sides = line.split(separator: mark, maxSplits: 1).map { Text.trimmed($0) }
        guard sides.count == 2, Short.isMachine(sides[0]), let unit = Text.words(sides[1]).first else { return nil }
        return (Short.machine(sides[0]), unit, Text.words(sides[1]).dropFirst().map(\.self))
    }

    private mutating func assignment(_ machine: MachineID, _ unit: String, _ words: [String]) -> Assignment {
        let name = Short.unit(unit)
        let hash = state.units[name]?.hash ?? files.hash(unit)
        return Assignment(
            machine: machine, unit: name, hash: hash, target: Short.target(words.first ?? ""),
            restarts: Self.restarts(words))
    }

    private static func restarts(_ words: [String]) -> Int {
        words.first { $0.hasPrefix("#") }.flatMap { Int($0.dropFirst()) } ?? 0
    }

    // MARK: Steps as text

    func text(_ step: ScheduleStep) -> String {
        let changes = step.changes.map { change in
            switch change {
            case .assign(let assignment): text(assignment)
            case .withdraw(let machine, let unit): "-\(Short.text(machine)): \(Short.text(unit))"
            }
        }
        let guarded = step.absent.map { " if \(Short.text($0)) is gone" } ?? ""
        return changes.joined(separator: ", ") + guarded
    }

    private func text(_ assignment: Assignment) -> String {
        let version = files.version(assignment.hash)
        return "\(Short.text(assignment.machine)): \(Short.text(assignment.unit)) \(assignment.target.rawValue)"
            + (version == "v1" ? "" : " \(version)") + (assignment.restarts == 0 ? "" : " #\(assignment.restarts)")
    }
}

extension ClusterState {
    /// Changes that lead from nothing to this state, in an order that `generator` chooses.
    func events(shuffledBy generator: inout some RandomNumberGenerator) -> [ClusterEvent] {
        let machines = announced.values.sorted { $0.id < $1.id }.map { ClusterEvent.machinePut($0) }
        let overlays = metadata.sorted { $0.key < $1.key }.map { ClusterEvent.metadataPut($0.key, $0.value) }
        let wishes = control.sorted { $0.key < $1.key }.map { ClusterEvent.controlPut($0.key, $0.value) }
        let notes = seen.sorted().map { ClusterEvent.seenPut($0) } + (brake.map { [.brakePut($0)] } ?? [])
        let units = sortedUnits.map { ClusterEvent.unitPut($0) }
        let texts = files.sorted { $0.key < $1.key }.map { ClusterEvent.filePut($0.key, $0.value) }
        let schedule = assignments.keys.sorted().flatMap { sortedAssignments(of: $0) }
            .map { ClusterEvent.assignmentPut($0) }
        let reports = states.keys.sorted().flatMap { sortedStates(of: $0) }.map { ClusterEvent.statePut($0) }
        let operations = sortedOperations.map { ClusterEvent.operationPut($0) }
        let waves = sortedOperations.flatMap { sortedWaves(of: $0.id) }.map { ClusterEvent.wavePut($0) }
        let all = machines + overlays + wishes + notes + units + texts + schedule + reports + operations + waves
        return all.shuffled(using: &generator)
    }
}
