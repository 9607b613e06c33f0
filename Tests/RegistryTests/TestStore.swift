// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Registry
import TestSupport

/// A store for one test, with what only a test does to it.
struct TestStore: Sendable {
    var store: any KeyValueStore
    /// Ends a lease as its time would.
    var expire: @Sendable (LeaseID) async throws -> Void
    /// Forgets the history before a revision.
    var compact: @Sendable (Int64) async throws -> Void
    /// A cluster of the test's own, since a real etcd is shared by all tests.
    var cluster: ClusterName

    var registry: ClusterRegistry { ClusterRegistry(store: store, cluster: cluster, firstPause: .milliseconds(1)) }
    /// A prefix of the test's own.
    var prefix: String { "/test/\(cluster)/" }

    static func randomCluster() throws -> ClusterName {
        try required(ClusterName("t\(UInt64.random(in: 0 ... .max))"))
    }
}

/// The stores that the same tests run on.
enum StoreKind: String, CaseIterable, Sendable {
    case memory
    case etcd

    /// A store of this kind; a real etcd is shared by all tests unless `alone`.
    func make(alone: Bool = false) async throws -> TestStore {
        let cluster = try TestStore.randomCluster()
        switch self {
        case .memory:
            let store = MemoryStore()
            return TestStore(
                store: store, expire: { store.expire($0) }, compact: { store.compact(to: $0) }, cluster: cluster)
        case .etcd:
            let server = alone ? try await EtcdServer.start() : try await SharedEtcd.server.value
            let client = try EtcdClient(server.configuration(timeout: .seconds(30)))
            return TestStore(
                store: client, expire: { try await client.revoke($0) },
                compact: {
                    // The server lives as long as the closure does.
                    _ = server
                    try await client.compact(to: $0)
                }, cluster: cluster)
        }
    }
}

/// The etcd that tests share; it dies with the test process.
private enum SharedEtcd {
    static let server = Task { try await EtcdServer.start() }
}

/// A store whose answers can be lost or refused, in front of a real one.
actor Faults {
    enum Fault: Sendable {
        /// The request is not carried out.
        case refuse(EtcdError)
        /// The request is carried out, but its answer is lost.
        case loseAnswer
        /// Something else happens first.
        case first(@Sendable () async throws -> Void)
    }

    private var faults: [Fault] = []

    /// What is to happen to the next transactions that write, one each.
    func plan(_ faults: Fault...) { self.faults = faults }

    func next() -> Fault? { faults.isEmpty ? nil : faults.removeFirst() }
}

struct FaultyStore: KeyValueStore {
    var store: any KeyValueStore
    let faults = Faults()
    /// Happens before each reading.
    var beforeRead: @Sendable (KeySelector) async throws(EtcdError) -> Void = { _ in }

    static let lost = EtcdError(
        code: .timedOut, message: "no answer in time", isTransient: true, mayHaveHappened: true)
    static let refused = EtcdError(
        code: .unreachable, message: "connection refused", isTransient: true, mayHaveHappened: false)

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        let writes = transaction.then.contains { operation in
            if case .get = operation { false } else { true }
        }
        guard writes, let fault = await faults.next() else { return try await store.commit(transaction) }
        switch fault {
        case .refuse(let error): throw error
        case .loseAnswer:
            _ = try await store.commit(transaction)
            throw Self.lost
        case .first(let action):
            do {
                try await action()
            } catch {
                throw EtcdError(code: .server, message: "\(error)", isTransient: false, mayHaveHappened: false)
            }
            return try await store.commit(transaction)
        }
    }

    func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        try await beforeRead(selector)
        return try await store.get(selector, revision: revision)
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

struct Missing: Error {}

/// The value, or an error that ends the test.
func required<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
}

/// Waits until `condition` holds; a condition that never does ends the test after a minute.
func until(_ condition: @Sendable () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Missing() }
        await Task.yield()
    }
}
