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
            let event = keys.kind(of: key).flatMap { $0.kind.gone($0.tail) }
            if case .fileGone(let hash)? = event { files[hash] = nil }
            return event
        }
    }

    private mutating func event(_ entry: KeyValue) -> ClusterEvent? {
        do throws(RecordError) {
            let event = try put(entry)
            if !problems.isEmpty { problems[entry.key] = nil }
            return event
        } catch {
            problems[entry.key] = RegistryProblem(key: entry.key, reason: error.reason)
            return nil
        }
    }

    private mutating func put(_ entry: KeyValue) throws(RecordError) -> ClusterEvent? {
        guard let (kind, tail) = keys.kind(of: entry.key) else { throw RecordError.unknownKey }
        if kind.folder == Records.files.folder, let hash = ContentHash(tail: tail), let known = files[hash],
            known.text.utf8.elementsEqual(entry.value)
        {
            return nil
        }
        let event = try kind.put(entry, at: tail)
        if case .filePut(let hash, let file)? = event { files[hash] = file }
        return event
    }
}
