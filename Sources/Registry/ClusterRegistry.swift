// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
package import Timing

/// One cluster's records in the store: every reading and writing of them goes through here.
///
/// It holds no state of its own. What users, the engine and a machine may do stands in extensions of their own.
package struct ClusterRegistry: Sendable {
    package let store: any KeyValueStore
    package let keys: RegistryKeys
    /// How long a follower first waits after the store failed; doubled with each failure in a row, at most 5 s.
    package let firstPause: Duration
    /// What drives followers, and gives the store its mark.
    package let clockwork: any Clockwork

    package init(
        store: any KeyValueStore, cluster: ClusterName = .default, firstPause: Duration = .milliseconds(100),
        clockwork: any Clockwork = MachineClockwork()
    ) {
        self.store = store
        self.keys = RegistryKeys(cluster: cluster)
        self.firstPause = firstPause
        self.clockwork = clockwork
    }

    /// How often an operation starts anew because others changed the same entry in between.
    static let attemptLimit = 8

    /// The most bytes of unit files that one transaction carries; etcd refuses requests above 1.5 MiB by default.
    static let transactionBytes = UnitFile.sizeLimit

    /// The newest revision of the store: an answer proves that a majority of etcd's members is there.
    ///
    /// A watch waits silently until etcd is back; who has to know whether the followed state may be stale asks this.
    package func newestRevision() async throws(RegistryError) -> Int64 {
        try await get(.key(keys.leader), while: "asking etcd for its revision").revision
    }

    func commit(_ transaction: Transaction, while action: String) async throws(RegistryError) -> TransactionResult {
        do {
            return try await store.commit(transaction)
        } catch {
            throw RegistryError(error, while: action)
        }
    }

    func get(_ selector: KeySelector, while action: String) async throws(RegistryError) -> (
        keys: [KeyValue], revision: Int64
    ) {
        do {
            return try await store.get(selector, revision: 0)
        } catch {
            throw RegistryError(error, while: action)
        }
    }

    /// Several keys at one revision, in the order asked for; `nil` for one that does not exist.
    func entries(
        _ keys: [String], while action: String
    ) async throws(RegistryError) -> (entries: [KeyValue?], revision: Int64) {
        var entries: [KeyValue?] = []
        var revision: Int64 = 0
        for start in stride(from: 0, to: keys.count, by: Transaction.operationLimit) {
            let chunk = keys[start..<min(start + Transaction.operationLimit, keys.count)]
            let result = try await commit(Transaction(then: chunk.map { .get(.key($0)) }), while: action)
            entries += try Self.found(result, count: chunk.count, while: action)
            revision = result.revision
        }
        return (entries, revision)
    }

    /// What a transaction of `count` gets found.
    static func found(
        _ result: TransactionResult, count: Int, while action: String
    ) throws(RegistryError) -> [KeyValue?] {
        let found = result.outcomes.compactMap { outcome -> [KeyValue]? in
            if case .get(let entries) = outcome { entries } else { nil }
        }
        guard found.count == count else {
            throw RegistryError(
                EtcdError(
                    code: .malformedAnswer, message: "etcd answered \(found.count) of \(count) reads",
                    isTransient: false, mayHaveHappened: false), while: action)
        }
        return found.map(\.first)
    }

    static func damaged(_ key: String, _ error: RecordError) -> RegistryError {
        RegistryError(
            code: .damaged,
            message: "\(key) cannot be read: \(error.reason); repair or delete it with etcdctl")
    }

    static func interfered(_ action: String) -> RegistryError {
        RegistryError(
            code: .interfered, while: action, message: "others changed it \(attemptLimit) times in between; try again",
            isTransient: true)
    }
}
