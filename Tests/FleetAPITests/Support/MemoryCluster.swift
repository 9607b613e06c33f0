// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer
import FleetCore
import Synchronization

/// A cluster that is all in memory: pure logic of the API needs no store.
final class MemoryCluster: ClusterAccess {
    private struct Content {
        var state = ClusterState()
        var revision: Int64 = 1
        var watchers: [Int: AsyncThrowingStream<ClusterUpdate, any Error>.Continuation] = [:]
        var watchersEver = 0
        var outage: String?
        var staleness: Staleness?
        var reasons: [String] = []
        var metadata: [MetadataChange] = []
        /// Runs once before the next write, to play somebody else who is faster.
        var rival: [ClusterEvent] = []
    }

    private let content = Mutex(Content())

    init(_ events: [ClusterEvent] = []) { apply(events) }

    // MARK: What tests do

    /// Commits `events` as the rest of the cluster would.
    @discardableResult
    func apply(_ events: [ClusterEvent]) -> Int64 {
        content.withLock { Self.commit(events, in: &$0) }
    }

    /// Commits `events` behind the followers' backs, who then read everything anew.
    func jump(_ events: [ClusterEvent]) {
        content.withLock { content in
            content.revision += 1
            for event in events { content.state.apply(event) }
            let update = ClusterUpdate(revision: content.revision, state: content.state)
            for watcher in content.watchers.values { watcher.yield(update) }
        }
    }

    func setOutage(_ reason: String?) { content.withLock { $0.outage = reason } }

    func setStaleness(_ staleness: Staleness?) { content.withLock { $0.staleness = staleness } }

    func setReasons(_ reasons: [String]) { content.withLock { $0.reasons = reasons } }

    func setRival(_ events: [ClusterEvent]) { content.withLock { $0.rival = events } }

    func breakWatches(_ error: any Error) {
        content.withLock { content in
            for watcher in content.watchers.values { watcher.finish(throwing: error) }
        }
    }

    var now: ClusterState { content.withLock { $0.state } }
    var metadata: [MetadataChange] { content.withLock { $0.metadata } }
    var watcherCount: Int { content.withLock { $0.watchers.count } }
    var watchersEver: Int { content.withLock { $0.watchersEver } }

    private static func commit(_ events: [ClusterEvent], in content: inout Content) -> Int64 {
        content.revision += 1
        for event in events { content.state.apply(event) }
        let update = ClusterUpdate(revision: content.revision, state: content.state, changes: events)
        for watcher in content.watchers.values { watcher.yield(update) }
        return content.revision
    }

    // MARK: ClusterAccess

    func state() async throws(ClusterAccessError) -> (state: ClusterState, revision: Int64) {
        content.withLock { ($0.state, $0.revision) }
    }

    private func write(
        _ make: (ClusterState) throws(ClusterAccessError) -> [ClusterEvent]
    ) throws(ClusterAccessError) -> Int64 {
        let result: Result<Int64, ClusterAccessError> = content.withLock { content in
            if !content.rival.isEmpty {
                _ = Self.commit(content.rival, in: &content)
                content.rival = []
            }
            do throws(ClusterAccessError) {
                return .success(Self.commit(try make(content.state), in: &content))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func change(
        _ name: UnitName, _ edit: (inout UnitRecord) -> [ClusterEvent]
    ) throws(ClusterAccessError) -> Int64 {
        try write { state throws(ClusterAccessError) in
            guard var record = state.units[name] else { throw .missing }
            let others = edit(&record)
            return others + [.unitPut(record)]
        }
    }

    func createUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(ClusterAccessError) -> Int64 {
        try write { state throws(ClusterAccessError) in
            guard state.units[name] == nil else { throw .exists }
            return [.filePut(file.hash, file), .unitPut(UnitRecord(name: name, hash: file.hash, target: target))]
        }
    }

    func replaceUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(ClusterAccessError) -> Int64 {
        try change(name) { record in
            record.hash = file.hash
            record.target = target
            return [.filePut(file.hash, file)]
        }
    }

    func setTarget(_ name: UnitName, to target: TargetState) async throws(ClusterAccessError) -> Int64 {
        try change(name) { record in
            record.target = target
            return []
        }
    }

    func requestRestart(_ name: UnitName) async throws(ClusterAccessError) -> Int64 {
        try change(name) { record in
            record.restarts += 1
            return []
        }
    }

    func destroyUnit(_ name: UnitName) async throws(ClusterAccessError) -> Int64 {
        try write { state throws(ClusterAccessError) in
            guard state.units[name] != nil else { throw .missing }
            return [.unitGone(name)]
        }
    }

    func patchMetadata(_ changes: [MetadataChange]) async throws(ClusterAccessError) -> Int64 {
        content.withLock { $0.metadata += changes }
        return apply([])
    }

    func updates() async throws(ClusterAccessError) -> AsyncThrowingStream<ClusterUpdate, any Error> {
        let (stream, continuation) = AsyncThrowingStream<ClusterUpdate, any Error>.makeStream()
        content.withLock { content in
            let id = content.watchersEver
            content.watchersEver += 1
            content.watchers[id] = continuation
            continuation.onTermination = { [weak self] _ in
                // A stream that is ended under our own lock calls back from there.
                Task { self?.content.withLock { $0.watchers[id] = nil } }
            }
            continuation.yield(ClusterUpdate(revision: content.revision, state: content.state))
        }
        return stream
    }

    func explain(_ name: UnitName) async throws(ClusterAccessError) -> [String] { content.withLock { $0.reasons } }

    func ready() async -> String? { content.withLock { $0.outage } }

    func staleness() async -> Staleness? { content.withLock { $0.staleness } }
}
