// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry

/// What a quorum of etcd's members agrees on, in the keys and bytes that the shipped registry writes.
///
/// Leases are counted by `StoreModel`; this has the keys that hang on them.
final class ByteStore {
    private var history = MemoryHistory()
    private let keys = RegistryKeys(cluster: .default)

    var revision: Int64 { history.revision }

    func read(_ selector: KeySelector, at revision: Int64) throws(EtcdError) -> [KeyValue] {
        try history.read(selector, at: revision)
    }

    /// All changes from a revision on; `nil` when some of them are compacted.
    func changes(of selector: KeySelector, from revision: Int64) -> [WatchBatch]? {
        history.changes(of: selector, from: revision)
    }

    /// - Returns: What came of it, and what it changed, if anything.
    func commit(
        _ transaction: Transaction, leases: [Int64: Int]
    ) throws(EtcdError) -> (result: TransactionResult, batch: WatchBatch?) {
        let before = history.revision
        let living = Dictionary(uniqueKeysWithValues: leases.map { (LeaseID($0), $1) })
        return (try history.commit(transaction, leases: living), newest(after: before))
    }

    /// Deletes what hangs on a lease.
    func end(_ lease: Int64) -> WatchBatch? {
        let before = history.revision
        history.deleteKeys(of: LeaseID(lease))
        return newest(after: before)
    }

    func compact() { history.compact(to: history.revision) }

    private func newest(after revision: Int64) -> WatchBatch? {
        history.revision == revision ? nil : history.changes(of: .prefix(""), from: revision + 1)?.last
    }

    /// Of which leader's epoch a transaction demands that it goes on.
    func epoch(of transaction: Transaction) -> Int64? {
        for comparison in transaction.comparisons where comparison.key == keys.leader {
            if case .createRevision(let epoch) = comparison.operand, comparison.relation == .equal { return epoch }
        }
        return nil
    }

    // MARK: Typed

    /// The changes of one revision in typed keys, as far as rules are about them.
    func typed(_ batch: WatchBatch, _ catalogue: Catalogue) -> StoreCommit {
        let changes = batch.events.compactMap { event -> StoreChange? in
            guard let (typed, read) = reading(event.key, catalogue) else { return nil }
            guard case .put(let entry) = event else { return StoreChange(key: typed, entry: nil) }
            guard let value = try? read(entry.value) else { return nil }
            return StoreChange(
                key: typed,
                entry: StoreEntry(
                    value: value, created: entry.createRevision, modified: entry.modRevision, version: entry.version,
                    lease: entry.lease.rawValue))
        }
        return StoreCommit(revision: batch.revision, changes: changes)
    }

    /// What a key is for the rules, and how its value is read; `nil` for kinds that no rule is about.
    private func reading(
        _ key: String, _ catalogue: Catalogue
    ) -> (key: StoreKey, read: (_ bytes: [UInt8]) throws -> StoreValue)? {
        if let hash = keys.name(of: key, Records.files) {
            return (
                .file(catalogue.fileIndex(of: hash)),
                { .file(try UnitFile(parsing: String(decoding: $0, as: UTF8.self)).named(hash)) }
            )
        }
        if let name = keys.name(of: key, Records.units) {
            return (.unit(catalogue.unitIndex(of: name)), { .unit(try TargetEntry(bytes: $0).unit(name)) })
        }
        if let placed = keys.name(of: key, Records.schedule) {
            return (
                .schedule(catalogue.hostIndex(of: placed.machine), catalogue.unitIndex(of: placed.unit)),
                { .assignment(try TargetEntry(bytes: $0).assignment(placed.machine, placed.unit)) }
            )
        }
        if let placed = keys.name(of: key, Records.states) {
            return (
                .state(catalogue.hostIndex(of: placed.machine), catalogue.unitIndex(of: placed.unit)),
                { .state(try StateEntry(bytes: $0).state(placed.machine, placed.unit)) }
            )
        }
        if let id = keys.name(of: key, Records.machines) {
            return (.machine(catalogue.hostIndex(of: id)), { .machine(try MachineEntry(bytes: $0).machine) })
        }
        if let id = keys.name(of: key, Records.metadata) {
            return (.metadata(catalogue.hostIndex(of: id)), { .metadata(try MetadataEntry(bytes: $0).changes) })
        }
        if let id = keys.name(of: key, Records.control) {
            return (.control(catalogue.hostIndex(of: id)), { .control(try ControlEntry(bytes: $0).control) })
        }
        if let id = keys.name(of: key, Records.seen) { return (.seen(catalogue.hostIndex(of: id)), { _ in .seen }) }
        if let name = keys.name(of: key, Records.results) {
            let unit = UnitName(unchecked: name.tail)
            return (.result(catalogue.unitIndex(of: unit)), { .result(try ResultEntry(bytes: $0).completion(unit)) })
        }
        if let name = keys.name(of: key, Records.operations), let index = Users.number(of: name.operation) {
            if let number = name.wave {
                return (
                    .wave(index, number),
                    { .wave(OperationWave(name.operation, number, try StoredWave(bytes: $0).steps)) }
                )
            }
            return (.operation(index), { .operation(try StoredOperation(bytes: $0).record(name.operation)) })
        }
        if key == keys.leader { return (.leader, { .leader(try LeaderEntry(bytes: $0).machine) }) }
        if key == keys.brake { return (.brake, { .brake(try BrakeEntry(bytes: $0).brake) }) }
        return nil
    }
}

extension Transaction {
    /// Doing it twice does no harm.
    var writesNothing: Bool {
        (then + otherwise).allSatisfy { if case .get = $0 { true } else { false } }
    }
}
