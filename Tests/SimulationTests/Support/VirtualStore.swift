// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetCore
import Registry
import Simulation
import Synchronization
import Timing

/// An etcd of one member in virtual time: leases end when their time is up, unless it is down.
final class VirtualEtcd: Sendable {
    private struct State {
        var isDown = false
        /// When each lease ends unless it is renewed.
        var ends: [LeaseID: Moment] = [:]
    }

    let memory = MemoryStore()
    private let clockwork: VirtualClockwork
    private let state = Mutex(State())

    init(_ clockwork: VirtualClockwork) { self.clockwork = clockwork }

    /// Whether its host says that nobody listens.
    var isDown: Bool { state.withLock { $0.isDown } }

    func goDown() {
        state.withLock { $0.isDown = true }
        memory.breakWatches(
            EtcdError(code: .unreachable, message: "etcd went down", isTransient: true, mayHaveHappened: false))
    }

    /// An etcd that starts gives every lease its full time again.
    func comeUp() {
        let end = clockwork.now + .seconds(5)
        state.withLock { state in
            state.isDown = false
            for lease in state.ends.keys { state.ends[lease] = end }
        }
    }

    /// Gives a lease its full time, from now on.
    func extend(_ lease: LeaseID, ttl: Int) {
        let end = clockwork.now + .seconds(ttl)
        let former = state.withLock { $0.ends.updateValue(end, forKey: lease) }
        if former == nil { clockwork.spawn { await self.watch(lease) } }
    }

    private func watch(_ lease: LeaseID) async {
        while let end = state.withLock({ $0.ends[lease] }) {
            await clockwork.sleep(until: end)
            if isDown {
                try? await clockwork.sleep(for: .milliseconds(500))
            } else if state.withLock({ $0.ends[lease] == end }) {
                state.withLock { $0.ends[lease] = nil }
                memory.expire(lease)
            }
        }
    }
}

/// One machine's way to that etcd: calls take moments that the seed chooses.
final class VirtualStore: SessionStore {
    let etcd: VirtualEtcd
    private let clockwork: VirtualClockwork
    private let isCut = Mutex(false)

    init(_ etcd: VirtualEtcd, _ clockwork: VirtualClockwork) {
        self.etcd = etcd
        self.clockwork = clockwork
    }

    /// From now on nothing comes back from the store.
    func cut() { isCut.withLock { $0 = true } }

    /// The way of a request to the store, or of its answer back.
    private func travel() async throws(EtcdError) {
        try? await clockwork.sleep(for: .microseconds(Int64(100 + clockwork.random() % 3_000)))
        if isCut.withLock({ $0 }) {
            try? await clockwork.sleep(for: .seconds(1))
            throw EtcdError(code: .timedOut, message: "no answer", isTransient: true, mayHaveHappened: true)
        }
        guard !etcd.isDown else {
            throw EtcdError(code: .unreachable, message: "refused", isTransient: true, mayHaveHappened: false)
        }
    }

    // MARK: KeyValueStore

    func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        try await travel()
        let found = try await etcd.memory.get(selector, revision: revision)
        try await travel()
        return found
    }

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        try await travel()
        let result = try await etcd.memory.commit(transaction)
        try await travel()
        return result
    }

    func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) {
        try await travel()
        let granted = try await etcd.memory.grantLease(ttl: ttl)
        etcd.extend(granted.lease, ttl: granted.ttl)
        try await travel()
        return granted
    }

    func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? {
        try await travel()
        let ttl = try await etcd.memory.keepAlive(lease)
        if let ttl { etcd.extend(lease, ttl: ttl) }
        try await travel()
        return ttl
    }

    func revoke(_ lease: LeaseID) async throws(EtcdError) {
        try await travel()
        try await etcd.memory.revoke(lease)
    }

    func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error> {
        AsyncThrowingStream { continuation in
            let task = clockwork.spawn {
                do {
                    for try await batch in self.etcd.memory.watch(selector, from: revision) {
                        try await self.travel()
                        continuation.yield(batch)
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    // MARK: SessionStore

    var memberURLs: [String] { ["http://one:2379"] }

    var preferredEndpoint: Int { 0 }
    var knownClusterID: UInt64? { 7 }
    var knownRevision: Int64 { etcd.memory.revision }
    var seesAnotherStore: Bool { false }
    var clockError: Int64? { 0 }

    func withTimeout(_ span: Duration) -> VirtualStore { self }

    func probe(member url: String, by endpoint: Int) async -> EndpointAnswer {
        do throws(EtcdError) {
            try await travel()
            return .healthy(leader: 1, clusterID: 7, memberID: 1)
        } catch {
            return error.code == .unreachable ? .refused : .timedOut
        }
    }

    func members() async throws(EtcdError) -> [EtcdMember] {
        try await travel()
        return [EtcdMember(id: 1, name: "one", clientURLs: memberURLs, isLearner: false)]
    }
}
