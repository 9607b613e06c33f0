// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Registry

/// A store that reads as ever, and refuses every write while it is told to.
struct RefusingStore: KeyValueStore {
    actor Refusals {
        private(set) var present: EtcdError.Code?
        /// How many writes were refused.
        private(set) var count = 0
        /// Whether only the first write of the schedule is refused, and the answers to the others are lost.
        private(set) var losesTheRest = false

        func loseTheRest() { losesTheRest = true }

        func begin(_ code: EtcdError.Code) { present = code }
        func end() { present = nil }

        func next() -> EtcdError.Code? {
            guard let code = present else { return nil }
            count += 1
            if losesTheRest { present = nil }
            return code
        }
    }

    var store: MemoryStore
    let refusals = Refusals()

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        if let code = await refusals.next() {
            throw EtcdError(code: code, message: "refused: \(code)", isTransient: false, mayHaveHappened: false)
        }
        let result = try await store.commit(transaction)
        guard await refusals.losesTheRest else { return result }
        throw EtcdError(code: .timedOut, message: "no answer in time", isTransient: true, mayHaveHappened: true)
    }

    func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        try await store.get(selector, revision: revision)
    }
    func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) {
        try await store.grantLease(ttl: ttl)
    }
    func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? { try await store.keepAlive(lease) }
    func revoke(_ lease: LeaseID) async throws(EtcdError) { try await store.revoke(lease) }
    func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error> {
        store.watch(selector, from: revision)
    }
}
