// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// Turns keys and values of a whole cluster into events; what cannot be read becomes a problem.
///
/// An unreadable value raises no event: what was known of its key before stays.
struct ClusterDecoder: UpdateDecoder {
    let keys: RegistryKeys
    /// Files by hash, so that each is parsed once however often changes of units write it anew.
    private var files: [ContentHash: UnitFile] = [:]
    private var problems: [String: RegistryProblem] = [:]

    init(keys: RegistryKeys) { self.keys = keys }

    mutating func decode(_ update: Follower.Update) -> ClusterUpdate? {
        switch update {
        case .snapshot(let entries, let revision):
            files = [:]
            problems = [:]
            let events = entries.compactMap { event($0) }
            return .snapshot(events, revision: revision, problems: sortedProblems)
        case .changes(let changes, let revision):
            let events = changes.compactMap { event($0) }
            return .changes(events, revision: revision, problems: sortedProblems)
        case .disconnected(let error): return .disconnected(error)
        case .reconnected: return .reconnected
        }
    }

    private var sortedProblems: [RegistryProblem] {
        problems.isEmpty ? [] : problems.values.sorted { $0.key < $1.key }
    }

    private mutating func event(_ change: WatchEvent) -> ClusterEvent? {
        switch change {
        case .put(let entry): return event(entry)
        case .delete(let key, _):
            problems[key] = nil
            switch keys.parse(key) {
            case .file(let hash):
                files[hash] = nil
                return .fileGone(hash)
            case .unit(let name): return .unitGone(name)
            case .assignment(let machine, let unit): return .assignmentGone(machine, unit)
            case .machine(let id): return .machineGone(id)
            case .metadata(let id): return .metadataGone(id)
            case .state(let machine, let unit): return .stateGone(machine, unit)
            case .leader: return .leaderGone
            case .control(let id): return .controlGone(id)
            case .seen(let id): return .seenGone(id)
            case .brake: return .brakeGone
            case .other, nil: return nil
            }
        }
    }

    private mutating func event(_ entry: KeyValue) -> ClusterEvent? {
        guard let key = keys.parse(entry.key) else {
            problems[entry.key] = .unknownKey(entry.key)
            return nil
        }
        do throws(RecordError) {
            let event = try event(key, entry)
            if !problems.isEmpty { problems[entry.key] = nil }
            return event
        } catch {
            problems[entry.key] = RegistryProblem(key: entry.key, reason: error.reason)
            return nil
        }
    }

    private mutating func event(_ key: RegistryKey, _ entry: KeyValue) throws(RecordError) -> ClusterEvent? {
        switch key {
        case .file(let hash):
            if let known = files[hash], known.text.utf8.elementsEqual(entry.value) { return nil }
            let file = try UnitFile(stored: entry.value).named(hash)
            files[hash] = file
            return .filePut(hash, file)
        case .unit(let name):
            var unit = try TargetEntry(bytes: entry.value).unit(name)
            unit.created = Stamp(entry.createRevision)
            return .unitPut(unit)
        case .assignment(let machine, let unit):
            var assignment = try TargetEntry(bytes: entry.value).assignment(machine, unit)
            assignment.written = Stamp(entry.modRevision)
            return .assignmentPut(assignment)
        case .machine(let id):
            let machine = try MachineEntry(bytes: entry.value).machine
            guard machine.id == id else { throw RecordError("field id is not the machine id of the key") }
            return .machinePut(machine)
        case .metadata(let id): return .metadataPut(id, try MetadataEntry(bytes: entry.value).changes)
        case .state(let machine, let unit): return .statePut(try StateEntry(bytes: entry.value).state(machine, unit))
        case .leader:
            let machine = try LeaderEntry(bytes: entry.value).machine
            return .leaderPut(Leadership(machine: machine, epoch: entry.createRevision))
        case .control(let id):
            var control = try ControlEntry(bytes: entry.value).control
            control.created = Stamp(entry.createRevision)
            return .controlPut(id, control)
        // That it is there is all that counts.
        case .seen(let id): return .seenPut(id)
        case .brake: return .brakePut(try BrakeEntry(bytes: entry.value).brake)
        case .other: return nil
        }
    }
}
