// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetCore
import Registry
import Simulation
import Synchronization
import Timing

/// A store of one member in virtual time: calls take moments that the seed chooses, and leases end when their time is up.
final class VirtualStore: SessionStore {
    /// How the store is reached.
    enum Reach: Sendable {
        case up
        /// The member's host answers that nobody listens there.
        case refuses
        /// Nothing comes back.
        case silent
    }

    private struct State {
        var reach = Reach.up
        /// When each lease ends unless it is renewed.
        var ends: [LeaseID: Moment] = [:]
    }

    let memory = MemoryStore()
    private let clockwork: VirtualClockwork
    private let state: Mutex<State>

    init(_ clockwork: VirtualClockwork) {
        self.clockwork = clockwork
        state = Mutex(State())
    }

    private var reach: Reach { state.withLock { $0.reach } }

    /// From now on the store is reached in another way; a lease has its full time again when it is up.
    func become(_ reach: Reach) {
        let now = clockwork.now
        let isBack = state.withLock { state in
            let isBack = state.reach == .refuses && reach == .up
            state.reach = reach
            return isBack
        }
        if reach != .up { memory.breakWatches(Self.failure(.unreachable)) }
        guard isBack else { return }
        state.withLock { state in
            for lease in state.ends.keys { state.ends[lease] = now + .seconds(5) }
        }
    }

    private static func failure(_ code: EtcdError.Code) -> EtcdError {
        EtcdError(code: code, message: "the store cannot be reached", isTransient: true, mayHaveHappened: false)
    }

    /// The way of a request to the store, or of its answer back.
    private func travel() async throws(EtcdError) {
        let microseconds = Int64(100 + clockwork.random() % 3_000)
        try? await clockwork.sleep(for: .microseconds(microseconds))
        switch reach {
        case .up: return
        case .refuses: throw Self.failure(.unreachable)
        case .silent:
            try? await clockwork.sleep(for: .seconds(1))
            throw Self.failure(.timedOut)
        }
    }

    // MARK: KeyValueStore

    func get(
        _ selector: KeySelector, revision: Int64
    ) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        try await travel()
        let found = try await memory.get(selector, revision: revision)
        try await travel()
        return found
    }

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        try await travel()
        let result = try await memory.commit(transaction)
        try await travel()
        return result
    }

    func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) {
        try await travel()
        let granted = try await memory.grantLease(ttl: ttl)
        let end = clockwork.now + .seconds(ttl)
        state.withLock { $0.ends[granted.lease] = end }
        clockwork.spawn { await self.watch(granted.lease) }
        try await travel()
        return granted
    }

    func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? {
        try await travel()
        let ttl = try await memory.keepAlive(lease)
        let now = clockwork.now
        if let ttl { state.withLock { $0.ends[lease] = now + .seconds(ttl) } }
        try await travel()
        return ttl
    }

    func revoke(_ lease: LeaseID) async throws(EtcdError) {
        try await travel()
        try await memory.revoke(lease)
    }

    func watch(_ selector: KeySelector, from revision: Int64) -> AsyncThrowingStream<WatchBatch, any Error> {
        memory.watch(selector, from: revision)
    }

    /// Ends a lease when its time is up; a store that is down ends none.
    private func watch(_ lease: LeaseID) async {
        while let end = state.withLock({ $0.ends[lease] }) {
            await clockwork.sleep(until: end)
            if reach == .refuses {
                try? await clockwork.sleep(for: .milliseconds(500))
            } else if state.withLock({ $0.ends[lease] == end }) {
                state.withLock { $0.ends[lease] = nil }
                memory.expire(lease)
            }
        }
    }

    // MARK: SessionStore

    var memberEndpoints: [String] { ["http://one:2379"] }
    var knownClusterID: UInt64? { 7 }
    var knownRevision: Int64 { memory.revision }
    var seesAnotherStore: Bool { false }
    var clockError: Int64? { 0 }

    func withTimeout(_ span: Duration) -> VirtualStore { self }

    func probe(_ endpoint: String) async -> EndpointAnswer {
        do throws(EtcdError) {
            try await travel()
            return .healthy(leader: 1, clusterID: 7, memberID: 1)
        } catch {
            return reach == .refuses ? .refused : .timedOut
        }
    }

    func members() async throws(EtcdError) -> [EtcdMember] {
        try await travel()
        return [EtcdMember(id: 1, name: "one", clientURLs: memberEndpoints, isLearner: false)]
    }
}
