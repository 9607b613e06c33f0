// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetAPIServer
import FleetCore
import Synchronization

/// A cluster behind the real API: state in memory, placed and run as engine and agents would, in the same step.
final class RunningCluster: ClusterAccess {
    private struct Content {
        var state = ClusterState()
        var revision: Int64 = 1
        var time: Int64 = 1_700_000_000_000
        var watchers: [AsyncThrowingStream<ClusterUpdate, any Error>.Continuation] = []
    }

    private let content = Mutex(Content())
    /// What systemd makes of a unit that is started, by its name; `active/running` for others.
    private let outcomes: [String: String]

    /// What happens before a unit's target is changed.
    private let stall: (@Sendable () async -> Void)?

    init(
        machines: Int, outcomes: [String: String] = [:], address: String? = nil,
        stall: (@Sendable () async -> Void)? = nil
    ) {
        self.outcomes = outcomes
        self.stall = stall
        content.withLock { content in
            for machine in Fixtures.machines(machines) {
                guard let id = MachineID(machine.id) else { continue }
                let record = MachineRecord(id: id, name: "worker", address: address ?? machine.address)
                Self.commit([.machinePut(record)], in: &content)
            }
        }
    }

    var now: ClusterState { content.withLock { $0.state } }

    @discardableResult
    private static func commit(_ events: [ClusterEvent], in content: inout Content) -> Int64 {
        content.revision += 1
        for event in events { content.state.apply(event) }
        let update = ClusterUpdate(revision: content.revision, state: content.state, changes: events)
        for watcher in content.watchers { watcher.yield(update) }
        return content.revision
    }

    /// Commits what the user wants, then what follows from it.
    private func write(
        _ name: UnitName, exists: Bool, _ make: (UnitRecord?) -> [ClusterEvent]
    ) throws(ClusterAccessError) -> Int64 {
        let result: Result<Int64, ClusterAccessError> = content.withLock { content in
            let record = content.state.units[name]
            guard exists == (record != nil) else { return .failure(exists ? .missing : .exists) }
            let revision = Self.commit(make(record), in: &content)
            settle(name, before: record, in: &content)
            return .success(revision)
        }
        return try result.get()
    }

    private func settle(_ name: UnitName, before: UnitRecord?, in content: inout Content) {
        let old = content.state.sortedAssignments(of: name).first
        guard let unit = content.state.units[name], unit.target > .inactive else {
            if let machine = old?.machine {
                Self.commit([.assignmentGone(machine, name)], in: &content)
                Self.commit([.stateGone(machine, name)], in: &content)
            }
            return
        }
        guard let machine = old?.machine ?? freeMachine(for: unit, in: content.state) else { return }
        content.time += 1000
        let assignment = Assignment(machine: machine, unit: name, hash: unit.hash, target: unit.target)
        Self.commit([.assignmentPut(assignment)], in: &content)
        let previous = content.state.states[name]?[machine]
        let outcome = unit.target == .launched ? outcomes[name.rawValue] ?? "active/running" : "inactive/dead"
        let words = outcome.split(separator: "/").map(String.init)
        let isSame = previous?.active == words[0] && before?.restarts == unit.restarts && before?.hash == unit.hash
        let state = UnitState(
            machine: machine, unit: name, load: "loaded", active: words[0], sub: words[1], hash: unit.hash,
            acted: unit.target, restarts: unit.restarts, since: isSame ? previous?.since ?? 0 : content.time)
        Self.commit([.statePut(state)], in: &content)
    }

    private func freeMachine(for unit: UnitRecord, in state: ClusterState) -> MachineID? {
        func options(_ unit: UnitRecord) -> SchedulingOptions? {
            state.files[unit.hash].map { SchedulingOptions(of: $0, for: unit.name) }
        }
        let placed = state.sortedUnits.filter { state.current(of: $0.name).machine != nil }
        return state.sortedMachines.map(\.id).first { machine in
            !placed.contains { other in
                state.current(of: other.name).machine == machine
                    && (options(unit)?.conflicts(with: other.name) == true
                        || options(other)?.conflicts(with: unit.name) == true)
            }
        }
    }

    // MARK: ClusterAccess

    func state() async throws(ClusterAccessError) -> (state: ClusterState, revision: Int64) {
        content.withLock { ($0.state, $0.revision) }
    }

    func createUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(ClusterAccessError) -> Int64 {
        try write(name, exists: false) { _ in
            [.filePut(file.hash, file), .unitPut(UnitRecord(name: name, hash: file.hash, target: target))]
        }
    }

    func replaceUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(ClusterAccessError) -> Int64 {
        try write(name, exists: true) { _ in
            [.filePut(file.hash, file), .unitPut(UnitRecord(name: name, hash: file.hash, target: target))]
        }
    }

    private func edit(_ name: UnitName, _ change: (inout UnitRecord) -> Void) throws(ClusterAccessError) -> Int64 {
        try write(name, exists: true) { record in
            guard var record else { return [] }
            change(&record)
            return [.unitPut(record)]
        }
    }

    func setTarget(_ name: UnitName, to target: TargetState) async throws(ClusterAccessError) -> Int64 {
        await stall?()
        return try edit(name) { $0.target = target }
    }

    func requestRestart(_ name: UnitName) async throws(ClusterAccessError) -> Int64 {
        try edit(name) { $0.restarts += 1 }
    }

    func destroyUnit(_ name: UnitName) async throws(ClusterAccessError) -> Int64 {
        try write(name, exists: true) { _ in [.unitGone(name)] }
    }

    func patchMetadata(_ changes: [MetadataChange]) async throws(ClusterAccessError) -> Int64 {
        content.withLock { content in
            for change in changes {
                guard var record = content.state.machines[change.machine] else { continue }
                record.metadata[change.key] = change.value
                Self.commit([.machinePut(record)], in: &content)
            }
            return content.revision
        }
    }

    func updates() async throws(ClusterAccessError) -> AsyncThrowingStream<ClusterUpdate, any Error> {
        let (stream, continuation) = AsyncThrowingStream<ClusterUpdate, any Error>.makeStream()
        content.withLock { content in
            content.watchers.append(continuation)
            continuation.yield(ClusterUpdate(revision: content.revision, state: content.state))
        }
        return stream
    }

    func explain(_ name: UnitName) async throws(ClusterAccessError) -> [String] {
        let state = now
        guard let unit = state.units[name], unit.target > .inactive, state.current(of: name).machine == nil else {
            return []
        }
        return ["conflicts refuse \(state.machines.count) of \(state.machines.count) machines"]
    }

    func ready() async -> String? { nil }
}
