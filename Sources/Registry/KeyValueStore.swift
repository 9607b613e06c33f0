// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd

/// A store with etcd's semantics: one revision counter, transactions, leases and watches without gaps.
///
/// `EtcdClient` is the real one; `MemoryStore` serves tests of what stands above.
package protocol KeyValueStore: Sendable {
    /// All keys that `selector` names, in key order, at one revision; `revision` 0 means the newest.
    func get(_ selector: KeySelector, revision: Int64) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64)

    /// Carries out `transaction` at one revision.
    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult

    /// Makes a lease that ends `ttl` seconds after its last renewal. The server may choose a longer one and says so.
    func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int)

    /// Renews a lease: the seconds it now has, or `nil` when it no longer exists.
    func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int?

    /// Ends a lease and deletes its keys. A lease that does not exist is no error.
    func revoke(_ lease: LeaseID) async throws(EtcdError)

    /// Every change of the selected keys from `revision` on, in order, each exactly once, across reconnects.
    ///
    /// The stream ends by throwing: `.compacted` when `revision` is gone, another code when going on is pointless.
    func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error>

    /// When the store was last asked something that only one with a leader answers, and answered, whoever asked here.
    ///
    /// `nil` until it has, and of a store that does not note it.
    var lastConfirmation: ContinuousClock.Instant? { get }
}

extension KeyValueStore {
    package var lastConfirmation: ContinuousClock.Instant? { nil }
}
