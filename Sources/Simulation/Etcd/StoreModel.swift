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

    // MARK: Leases

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
