// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Registry
import TestSupport

/// The etcd that tests share which do it no harm; it dies with the test process.
enum SharedEtcd {
    private static let server = Task { try await quickServer() }

    static func running() async throws -> EtcdServer { try await server.value }

    /// A registry of a cluster of the test's own, with a client of its own.
    static func registry() async throws -> (registry: ClusterRegistry, etcd: EtcdClient) {
        let client = try EtcdClient(try await server.value.configuration(timeout: .seconds(30)))
        return (ClusterRegistry(store: client, cluster: try randomCluster(), firstPause: .milliseconds(10)), client)
    }

    static func randomCluster() throws -> ClusterName {
        try required(ClusterName("t\(UInt64.random(in: 0 ... .max))"))
    }

    /// An etcd whose leases may be as short as a second.
    static func quickServer() async throws -> EtcdServer {
        var options = EtcdServer.Options()
        options.heartbeatMilliseconds = 50
        return try await EtcdServer.start(options)
    }
}

/// A store that loses the answer to one write of the schedule.
struct LossyStore: KeyValueStore {
    var store: MemoryStore
    let losses = Losses()

    actor Losses {
        private var isArmed = true
        func take() -> Bool {
            defer { isArmed = false }
            return isArmed
        }
        var isSpent: Bool { !isArmed }
    }

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        let isSchedule = transaction.then.contains { operation in
            if case .put(let key, _, _) = operation { key.contains("/schedule/") } else { false }
        }
        let result = try await store.commit(transaction)
        guard isSchedule, await losses.take() else { return result }
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
