// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// Turns the schedule of one machine into what its agent is told.
struct MachineDecoder: UpdateDecoder {
    let keys: RegistryKeys
    private var problems: [String: RegistryProblem] = [:]

    init(keys: RegistryKeys) { self.keys = keys }

    mutating func decode(_ update: Follower.Update) -> MachineUpdate? {
        switch update {
        case .snapshot(let entries, let revision):
            problems = [:]
            let assignments = entries.compactMap { assignment($0) }
            return .snapshot(assignments, revision: revision, problems: sortedProblems)
        case .changes(let events, let revision):
            let changes = events.compactMap { change($0) }
            return .changes(changes, revision: revision, problems: sortedProblems)
        case .disconnected(let error): return .disconnected(error)
        case .reconnected: return .reconnected
        }
    }

    private var sortedProblems: [RegistryProblem] { problems.values.sorted { $0.key < $1.key } }

    private mutating func change(_ event: WatchEvent) -> MachineUpdate.Change? {
        switch event {
        case .put(let entry): return assignment(entry).map { .put($0) }
        case .delete(let key, _):
            problems[key] = nil
            return keys.name(of: key, Records.schedule).map { .gone($0.unit) }
        }
    }

    private mutating func assignment(_ entry: KeyValue) -> StoredAssignment? {
        guard let placed = keys.name(of: entry.key, Records.schedule) else {
            problems[entry.key] = .unknownKey(entry.key)
            return nil
        }
        do {
            let target = try Records.schedule.read(placed, entry.value)
            problems[entry.key] = nil
            return StoredAssignment(target.assignment(placed.machine, placed.unit), modRevision: entry.modRevision)
        } catch {
            problems[entry.key] = RegistryProblem(key: entry.key, reason: error.reason)
            return nil
        }
    }
}

/// Turns a machine's own record into what the machine has to know of it.
struct OwnRecordDecoder: UpdateDecoder {
    mutating func decode(_ update: Follower.Update) -> OwnRecordUpdate? {
        switch update {
        case .snapshot(let entries, let revision): entries.first.map { present($0) } ?? .absent(revision: revision)
        case .changes(let events, let revision):
            switch events.last {
            case .put(let entry): present(entry)
            case .delete: .absent(revision: revision)
            case nil: nil
            }
        case .disconnected, .reconnected: nil
        }
    }

    private func present(_ entry: KeyValue) -> OwnRecordUpdate {
        .present(token: (try? MachineEntry(bytes: entry.value))?.machine.token, revision: entry.modRevision)
    }
}

/// Turns the entry `leader` into what an engine is told.
struct LeaderDecoder: UpdateDecoder {
    mutating func decode(_ update: Follower.Update) -> LeaderUpdate? {
        switch update {
        case .snapshot(let entries, let revision): return leader(entries.first, revision)
        case .changes(let events, let revision):
            switch events.last {
            case .put(let entry): return leader(entry, revision)
            case .delete: return .leader(nil, revision: revision)
            case nil: return nil
            }
        case .disconnected(let error): return .disconnected(error)
        case .reconnected: return .reconnected
        }
    }

    private func leader(_ entry: KeyValue?, _ revision: Int64) -> LeaderUpdate {
        guard let entry else { return .leader(nil, revision: revision) }
        do {
            let machine = try LeaderEntry(bytes: entry.value).machine
            return .leader(Leadership(machine: machine, epoch: entry.createRevision), revision: revision)
        } catch {
            return .unreadable(RegistryProblem(key: entry.key, reason: error.reason))
        }
    }
}
