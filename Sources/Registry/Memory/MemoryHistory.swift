// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd

/// Every revision of every key since the last compaction.
package struct MemoryHistory {
    /// A key as one revision left it; `nil` when it was deleted.
    private struct Version {
        var revision: Int64
        var entry: KeyValue?
    }

    private var versions: [String: [Version]] = [:]
    private var log: [WatchBatch] = []
    /// etcd, too, counts its empty state as revision 1.
    package private(set) var revision: Int64 = 1
    private var compacted: Int64 = 0

    package init() {}

    package func read(_ selector: KeySelector, at asked: Int64) throws(EtcdError) -> [KeyValue] {
        guard asked <= revision else {
            throw EtcdError(
                code: .invalidRequest, message: "revision \(asked) lies in the future of \(revision)",
                isTransient: false, mayHaveHappened: false)
        }
        let bound = asked == 0 ? revision : asked
        guard bound >= compacted else { throw Self.compactedError(bound) }
        switch selector {
        case .key(let key): return entry(key, at: bound).map { [$0] } ?? []
        case .prefix, .range:
            return versions.keys.filter { selector.contains($0) }
                .compactMap { entry($0, at: bound) }
                .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        }
    }

    private func entry(_ key: String, at bound: Int64) -> KeyValue? {
        versions[key]?.last { $0.revision <= bound }?.entry
    }

    /// All changes from revision `first` on, or `nil` when some of them are compacted.
    package func changes(of selector: KeySelector, from first: Int64) -> [WatchBatch]? {
        guard first >= compacted else { return nil }
        let start = log.partitioningIndex { $0.revision >= first }
        return log[start...].compactMap { batch in
            let events = batch.events.filter { selector.contains($0.key) }
            return events.isEmpty ? nil : WatchBatch(revision: batch.revision, events: events)
        }
    }

    package mutating func commit(_ transaction: Transaction, leases: [LeaseID: Int]) throws(EtcdError)
        -> TransactionResult
    {
        try Self.check(transaction)
        let succeeded = transaction.comparisons.allSatisfy(holds)
        let branch = succeeded ? transaction.then : transaction.otherwise
        for case .put(let key, _, let lease) in branch where lease != .none && leases[lease] == nil {
            throw EtcdError(
                code: .leaseNotFound, message: "putting \(key): lease \(lease) does not exist", isTransient: false,
                mayHaveHappened: false)
        }
        var events: [WatchEvent] = []
        let outcomes = branch.map { apply($0, into: &events) }
        close(events)
        return TransactionResult(succeeded: succeeded, revision: revision, outcomes: outcomes)
    }

    private mutating func apply(
        _ operation: Operation, into events: inout [WatchEvent]
    ) -> TransactionResult.Outcome {
        let next = revision + 1
        switch operation {
        case .put(let key, let value, let lease):
            let previous = entry(key, at: next)
            let entry = KeyValue(
                key: key, value: value, createRevision: previous?.createRevision ?? next, modRevision: next,
                version: (previous?.version ?? 0) + 1, lease: lease)
            versions[key, default: []].append(Version(revision: next, entry: entry))
            events.append(.put(entry))
            return .put
        case .delete(let selector):
            let doomed = current(selector)
            for entry in doomed { delete(entry.key, into: &events) }
            return .delete(count: doomed.count)
        case .get(let selector): return .get(current(selector))
        }
    }

    /// What stands there in the middle of a transaction.
    private func current(_ selector: KeySelector) -> [KeyValue] {
        switch selector {
        case .key(let key): return entry(key, at: .max).map { [$0] } ?? []
        case .prefix, .range:
            return versions.keys.filter { selector.contains($0) }.compactMap { entry($0, at: .max) }
                .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        }
    }

    private mutating func delete(_ key: String, into events: inout [WatchEvent]) {
        versions[key, default: []].append(Version(revision: revision + 1, entry: nil))
        events.append(.delete(key: key, modRevision: revision + 1))
    }

    /// Makes the events a revision of their own; without any there is none.
    private mutating func close(_ events: [WatchEvent]) {
        guard !events.isEmpty else { return }
        revision += 1
        log.append(WatchBatch(revision: revision, events: events))
    }

    package mutating func deleteKeys(of lease: LeaseID) {
        var events: [WatchEvent] = []
        for entry in current(.prefix("")) where entry.lease == lease { delete(entry.key, into: &events) }
        close(events)
    }

    package mutating func compact(to bound: Int64) {
        let bound = min(bound, revision)
        guard bound > compacted else { return }
        compacted = bound
        log.removeAll { $0.revision < bound }
        versions = versions.compactMapValues { history in
            let start = (history.lastIndex { $0.revision <= bound }) ?? 0
            let kept = history[start...]
            return kept.count == 1 && kept.first?.entry == nil ? nil : Array(kept)
        }
    }

    private func holds(_ comparison: Comparison) -> Bool {
        let entry = entry(comparison.key, at: revision)
        switch comparison.operand {
        case .value(let value):
            // As in etcd, no comparison of values holds for a key that does not exist.
            guard let entry else { return false }
            switch comparison.relation {
            case .equal: return entry.value == value
            case .notEqual: return entry.value != value
            case .less: return entry.value.lexicographicallyPrecedes(value)
            case .greater: return value.lexicographicallyPrecedes(entry.value)
            }
        case .version(let number): return comparison.relation.holds(entry?.version ?? 0, number)
        case .createRevision(let number): return comparison.relation.holds(entry?.createRevision ?? 0, number)
        case .modRevision(let number): return comparison.relation.holds(entry?.modRevision ?? 0, number)
        }
    }

    /// etcd's own limits: 128 per list, and no key written twice in one branch.
    private static func check(_ transaction: Transaction) throws(EtcdError) {
        let lists = [transaction.comparisons.count, transaction.then.count, transaction.otherwise.count]
        guard lists.allSatisfy({ $0 <= Transaction.operationLimit }) else { throw refusal("too many operations") }
        for branch in [transaction.then, transaction.otherwise] {
            var puts: Set<String> = []
            for case .put(let key, _, _) in branch {
                guard !key.isEmpty else { throw refusal("a key is empty") }
                guard puts.insert(key).inserted else { throw refusal("key \(key) is put twice") }
            }
            for case .delete(let selector) in branch where puts.contains(where: selector.contains) {
                throw refusal("a key is put and deleted")
            }
        }
    }

    private static func refusal(_ reason: String) -> EtcdError {
        EtcdError(
            code: .invalidRequest, message: "transaction refused: \(reason)", isTransient: false, mayHaveHappened: false
        )
    }

    package static func compactedError(_ revision: Int64) -> EtcdError {
        EtcdError(
            code: .compacted, message: "revision \(revision) has been compacted", isTransient: false,
            mayHaveHappened: false)
    }
}

extension Comparison.Relation {
    fileprivate func holds(_ left: Int64, _ right: Int64) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .greater: left > right
        }
    }
}

extension KeySelector {
    /// Whether `key` is among those that the selector names.
    func contains(_ key: String) -> Bool {
        switch self {
        case .key(let own): own == key
        case .prefix(let prefix): key.utf8.starts(with: prefix.utf8)
        case .range(let first, let last):
            !key.utf8.lexicographicallyPrecedes(first.utf8) && key.utf8.lexicographicallyPrecedes(last.utf8)
        }
    }
}

extension WatchEvent {
    /// The key that changed.
    var key: String {
        switch self {
        case .put(let entry): entry.key
        case .delete(let key, _): key
        }
    }
}

extension [WatchBatch] {
    /// The first index whose element fulfils `predicate`, when all that do come last.
    fileprivate func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
