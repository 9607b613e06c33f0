// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What a quorum of etcd's members agrees on: keys with revisions, leases, and the history that watches read.
struct StoreModel {
    struct Lease {
        var ttl: Int
        /// By the clock of the simulation.
        var expiry: Int64
        var keys: Set<StoreKey> = []
    }

    private(set) var revision: Int64 = 1
    private(set) var entries: [StoreKey: StoreEntry] = [:]
    private(set) var leases: [Int64: Lease] = [:]
    /// Commits from revision 2 on; the index is the revision less 2, less what was compacted.
    private(set) var history: [StoreCommit] = []
    private(set) var compacted: Int64 = 1
    private var leaseCount: Int64 = 0

    /// Leases are numbered on from `leaseBase`, so that a store that lost its data does not grant old ones again.
    init(leaseBase: Int64 = 0) { leaseCount = leaseBase }

    func holds(_ comparison: StoreComparison) -> Bool {
        let entry = entries[comparison.key]
        return switch comparison.test {
        case .absent: entry == nil
        case .present: entry != nil
        case .modified(let revision): (entry?.modified ?? 0) == revision
        case .created(let revision): (entry?.created ?? 0) == revision
        }
    }

    /// - Throws: `.leaseNotFound`, and then nothing was written.
    mutating func apply(_ transaction: StoreTransaction) throws(StoreFailure) -> (
        succeeded: Bool, found: [StoreEntry?], commit: StoreCommit?
    ) {
        guard transaction.comparisons.allSatisfy(holds) else {
            return (false, transaction.otherwise.map { entries[$0] }, nil)
        }
        for case .put(_, _, let lease) in transaction.writes where lease != 0 && leases[lease] == nil {
            throw StoreFailure(code: .leaseNotFound, mayHaveHappened: false)
        }
        return (true, [], commit(transaction.writes))
    }

    private mutating func commit(_ writes: [StoreWrite]) -> StoreCommit? {
        let next = revision + 1
        var changes: [StoreChange] = []
        for write in writes {
            let former = entries[write.key]
            switch write {
            case .put(let key, let value, let lease):
                let entry = StoreEntry(
                    value: value, created: former?.created ?? next, modified: next, version: (former?.version ?? 0) + 1,
                    lease: lease)
                if let former, former.lease != lease { leases[former.lease]?.keys.remove(key) }
                if lease != 0 { leases[lease]?.keys.insert(key) }
                entries[key] = entry
                changes.append(StoreChange(key: key, entry: entry))
            case .delete(let key):
                guard let former else { continue }
                leases[former.lease]?.keys.remove(key)
                entries[key] = nil
                changes.append(StoreChange(key: key, entry: nil))
            }
        }
        guard !changes.isEmpty else { return nil }
        revision = next
        let commit = StoreCommit(revision: next, changes: changes)
        history.append(commit)
        return commit
    }

    func read(_ range: KeyRange) -> [(key: StoreKey, entry: StoreEntry)] {
        entries.filter { range.contains($0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What happened from `revision` on; `nil` when some of it is compacted away.
    func commits(from revision: Int64) -> ArraySlice<StoreCommit>? {
        guard revision > compacted else { return nil }
        let first = history.first?.revision ?? self.revision + 1
        return history.dropFirst(Int(max(0, revision - first)))
    }

    mutating func compact() {
        compacted = revision
        history = []
    }

    /// Takes over what the store of real keys has committed, of which this one is the view in typed keys.
    mutating func show(_ commit: StoreCommit) {
        for change in commit.changes { entries[change.key] = change.entry }
        revision = commit.revision
    }

    /// What a leader reads that begins, in the order of keys.
    var clusterEvents: [ClusterEvent] {
        entries.sorted { $0.key < $1.key }.compactMap { key, entry in
            let machine =
                Catalogue.shared.machines.indices.contains(key.machine) ? Catalogue.shared.machines[key.machine] : nil
            switch (entry.value, machine) {
            case (.file(let file), _): return .filePut(file.hash, file)
            case (.machine(let record), _): return .machinePut(record)
            case (.metadata(let changes), let machine?): return .metadataPut(machine, changes)
            case (.unit(var unit), _):
                unit.created = Stamp(entry.created)
                return .unitPut(unit)
            case (.assignment(var assignment), _):
                assignment.written = Stamp(entry.modified)
                return .assignmentPut(assignment)
            case (.state(let state), _): return .statePut(state)
            case (.control(var control), let machine?):
                control.created = Stamp(entry.created)
                return .controlPut(machine, control)
            case (.seen, let machine?): return .seenPut(machine)
            case (.brake(let brake), _): return .brakePut(brake)
            case (.operation(var operation), _):
                operation.modified = Stamp(entry.modified)
                return .operationPut(operation)
            case (.wave(var wave), _):
                wave.written = Stamp(entry.modified)
                return .wavePut(wave)
            case (.leader, _), (.result, _), (.turn, _), (.metadata, nil), (.control, nil), (.seen, nil): return nil
            }
        }
    }

    // MARK: Leases

    /// Ends a lease whose keys `ByteStore` has.
    mutating func drop(_ lease: Int64) { leases[lease] = nil }

    mutating func grant(ttl: Int, at now: Int64, rate: Double) -> Int64 {
        leaseCount += 1
        leases[leaseCount] = Lease(ttl: ttl, expiry: now + Self.span(ttl, rate))
        return leaseCount
    }

    mutating func renew(_ lease: Int64, at now: Int64, rate: Double) -> Int? {
        guard let ttl = leases[lease]?.ttl else { return nil }
        leases[lease]?.expiry = now + Self.span(ttl, rate)
        return ttl
    }

    /// Gives every lease its full time again, as a new leader of etcd does.
    mutating func promote(at now: Int64, rate: Double) {
        for (lease, known) in leases { leases[lease]?.expiry = now + Self.span(known.ttl, rate) }
    }

    /// Ends a lease and deletes its keys in one revision.
    mutating func revoke(_ lease: Int64) -> StoreCommit? {
        guard let ended = leases[lease] else { return nil }
        let commit = commit(ended.keys.sorted().map { .delete($0) })
        leases[lease] = nil
        return commit
    }

    /// `rate` is how many seconds of the leader's clock pass in one of the simulation.
    private static func span(_ ttl: Int, _ rate: Double) -> Int64 { Int64(Double(ttl) * Double(Span.second) / rate) }
}
