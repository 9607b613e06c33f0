// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What following the identities tells.
enum IdentityUpdate: Sendable {
    case snapshot([IdentityChange], problems: [RegistryProblem])
    case changes([IdentityChange], problems: [RegistryProblem])
    case disconnected
    case reconnected
}

extension ClusterRegistry {
    /// All identities, and every change of them.
    func followIdentities() -> AsyncThrowingStream<IdentityUpdate, any Error> {
        Follower(
            store: store, parts: [keys.identities], watched: keys.identities, firstPause: firstPause,
            clockwork: clockwork
        )
        .stream(IdentityDecoder(keys: keys))
    }

    /// What the cluster knows of one machine, now and after every change; `nil` when there is no record, or none that can be
    /// read.
    ///
    /// For the machine itself, which may read no other's.
    package func followIdentity(of machine: MachineID) -> AsyncThrowingStream<MachineIdentity?, any Error> {
        followRecord(keys.machineIdentity(machine))
    }

    /// Whom to trust and who signs, now and after every change.
    package func followAuthorities() -> AsyncThrowingStream<AuthoritiesEntry?, any Error> {
        followRecord(keys.authorities)
    }

    private func followRecord<Record: StoredRecord>(_ key: String) -> AsyncThrowingStream<Record?, any Error> {
        Follower(store: store, parts: [.key(key)], watched: .key(key), firstPause: firstPause, clockwork: clockwork)
            .stream(RecordDecoder<Record>())
    }
}

/// Turns entries below `identities/` into changes.
struct IdentityDecoder: UpdateDecoder {
    let keys: RegistryKeys
    private var problems: [String: RegistryProblem] = [:]

    init(keys: RegistryKeys) { self.keys = keys }

    mutating func decode(_ update: Follower.Update) -> IdentityUpdate? {
        switch update {
        case .snapshot(let entries, _):
            problems = [:]
            let changes = entries.compactMap { change($0.key, $0.value) }
            return .snapshot(changes, problems: sortedProblems)
        case .changes(let events, _):
            let changes = events.compactMap { event in
                switch event {
                case .put(let entry): change(entry.key, entry.value)
                case .delete(let key, _): change(key, nil)
                }
            }
            return .changes(changes, problems: sortedProblems)
        case .disconnected: return .disconnected
        case .reconnected: return .reconnected
        }
    }

    private var sortedProblems: [RegistryProblem] { problems.values.sorted { $0.key < $1.key } }

    private mutating func change(_ key: String, _ value: [UInt8]?) -> IdentityChange? {
        problems[key] = nil
        guard let name = keys.name(of: key, Records.identities) else {
            if value != nil { problems[key] = .unknownKey(key) }
            return nil
        }
        guard let value else { return name.nobody }
        do {
            return try Records.identities.read(name, value)
        } catch {
            problems[key] = RegistryProblem(key: key, reason: error.reason)
            return name.nobody
        }
    }
}

extension MemberName {
    /// That there is no such member, or none that can be read.
    fileprivate var nobody: IdentityChange {
        switch self {
        case .machine(let id): .machine(id, nil)
        case .user(let name): .user(name, nil)
        }
    }
}

/// Turns one entry into its record.
struct RecordDecoder<Record: StoredRecord>: UpdateDecoder {
    mutating func decode(_ update: Follower.Update) -> Record?? {
        switch update {
        case .snapshot(let entries, _): return .some(entries.first.flatMap { try? Record(bytes: $0.value) })
        case .changes(let events, _):
            switch events.last {
            case .put(let entry): return .some(try? Record(bytes: entry.value))
            case .delete: return .some(nil)
            case nil: return nil
            }
        case .disconnected, .reconnected: return nil
        }
    }
}
