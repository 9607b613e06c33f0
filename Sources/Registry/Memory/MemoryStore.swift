// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
import Synchronization

/// A store in memory with etcd's semantics, for tests of what stands above.
///
/// It has one revision counter, transactions, leases, history that can be compacted, and watches without gaps. Leases
/// end only when told to (`expire`), never by time.
package final class MemoryStore: KeyValueStore {
    private let contents = Mutex(Contents())

    package init() {}

    package func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        try contents.result { contents throws(EtcdError) in
            (try contents.history.read(selector, at: revision), contents.history.revision)
        }
    }

    package func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        try contents.result { contents throws(EtcdError) in
            let result = try contents.history.commit(transaction, leases: contents.leases)
            contents.notify()
            return result
        }
    }

    package func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) {
        contents.withLock { contents in
            contents.lastLease += 1
            let lease = LeaseID(contents.lastLease)
            contents.leases[lease] = ttl
            return (lease, ttl)
        }
    }

    package func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? {
        contents.withLock { $0.leases[lease] }
    }

    package func revoke(_ lease: LeaseID) async throws(EtcdError) { expire(lease) }

    package func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error> {
        AsyncThrowingStream { continuation in
            let number = contents.withLock { contents in
                contents.lastWatcher += 1
                contents.watchers[contents.lastWatcher] = Watcher(
                    selector: selector, next: max(revision, 1), continuation: continuation)
                contents.notify()
                return contents.lastWatcher
            }
            continuation.onTermination = { [weak self] _ in
                // Who cancels a task holds its lock, which who delivers under ours may be waiting for.
                Task { [weak self] in self?.contents.withLock { $0.watchers[number] = nil } }
            }
        }
    }
}

/// What a test does to the store from behind.
extension MemoryStore {
    /// The store's revision now.
    package var revision: Int64 { contents.withLock { $0.history.revision } }

    /// Ends a lease as its time would: all its keys vanish in one revision.
    package func expire(_ lease: LeaseID) {
        contents.withLock { contents in
            guard contents.leases.removeValue(forKey: lease) != nil else { return }
            contents.history.deleteKeys(of: lease)
            contents.notify()
        }
    }

    /// Forgets all history before `revision`; watches that have not got that far end with `.compacted`.
    package func compact(to revision: Int64) {
        contents.withLock { contents in
            contents.history.compact(to: revision)
            contents.notify()
        }
    }

    /// Ends all watches with `error`, as a lost connection that cannot be taken up again would.
    package func breakWatches(_ error: EtcdError) {
        let watchers = contents.withLock { contents in
            let watchers = contents.watchers
            contents.watchers = [:]
            return watchers
        }
        for number in watchers.keys.sorted() { watchers[number]?.continuation.finish(throwing: error) }
    }

    /// How many watches are open.
    package var watchCount: Int { contents.withLock { $0.watchers.count } }

    /// Loses everything, as an etcd does whose data folder was removed: the revision starts anew (rule R8).
    package func wipe() {
        contents.withLock { contents in
            contents.history = MemoryHistory()
            contents.leases = [:]
        }
    }
}

private struct Watcher {
    var selector: KeySelector
    /// The first revision that has not been delivered.
    var next: Int64
    var continuation: AsyncThrowingStream<WatchBatch, any Error>.Continuation
}

private struct Contents {
    var history = MemoryHistory()
    /// Leases that live, with their time to live in seconds.
    var leases: [LeaseID: Int] = [:]
    var lastLease: Int64 = 0x1000
    var watchers: [Int: Watcher] = [:]
    var lastWatcher = 0

    /// Delivers to each watch what it has not seen yet; inside the lock, so that no revision overtakes another.
    mutating func notify() {
        // By number, so that what a change sets off begins in the same order every time.
        for number in watchers.keys.sorted() {
            guard let watcher = watchers[number], watcher.next <= history.revision else { continue }
            guard let batches = history.changes(of: watcher.selector, from: watcher.next) else {
                watchers[number] = nil
                watcher.continuation.finish(throwing: MemoryHistory.compactedError(watcher.next))
                continue
            }
            watchers[number]?.next = history.revision + 1
            for batch in batches { watcher.continuation.yield(batch) }
        }
    }
}

extension Mutex {
    /// `withLock` for a body with a typed error.
    fileprivate borrowing func result<Success: Sendable>(
        _ body: (inout sending Value) throws(EtcdError) -> sending Success
    ) throws(EtcdError) -> Success {
        try withLock(body)
    }
}
