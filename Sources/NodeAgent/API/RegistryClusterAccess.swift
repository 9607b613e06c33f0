// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPIServer
import FleetCore
import Registry

/// The API's cluster: writes go to the registry, reads come from a followed view that is as new as every own write.
actor RegistryClusterAccess: ClusterAccess {
    private let registry: ClusterRegistry
    private let view: ClusterView
    /// Revision of the newest write that this server answered with success.
    private var written: Int64 = 0
    /// What an engine would say of the units that it cannot place, at a revision.
    private var refusals: (revision: Int64, waiting: [UnitName: Refusal], held: [UnitName: Refusal])?

    init(registry: ClusterRegistry, view: ClusterView) {
        self.registry = registry
        self.view = view
    }

    func state() async throws(ClusterAccessError) -> (state: ClusterState, revision: Int64) {
        do {
            return try await view.state(atLeast: written)
        } catch {
            throw ClusterAccessError(error)
        }
    }

    /// Takes note of a write that did not go through here: what is read from now on contains it.
    func wrote(at revision: Int64) { written = max(written, revision) }

    func createUnit(
        _ name: UnitName, file: UnitFile, target: TargetState
    ) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in
            try await self.registry.createUnit(name, file: file, target: target)
        }
    }

    func replaceUnit(
        _ name: UnitName, file: UnitFile, target: TargetState
    ) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in
            try await self.registry.replaceUnit(name, file: file, target: target)
        }
    }

    func setTarget(_ name: UnitName, to target: TargetState) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in try await self.registry.setTarget(name, target) }
    }

    func requestRestart(_ name: UnitName) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in try await self.registry.requestRestart(name) }
    }

    func destroyUnit(_ name: UnitName) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in try await self.registry.destroyUnit(name) }
    }

    func patchMetadata(_ changes: [MetadataChange]) async throws(ClusterAccessError) -> Int64 {
        var machines: [MachineID] = []
        for change in changes where !machines.contains(change.machine) { machines.append(change.machine) }
        var revision: Int64 = 0
        for machine in machines {
            let own = changes.filter { $0.machine == machine }.map { (key: $0.key, value: $0.value) }
            revision = try await write { () throws(RegistryError) in
                try await self.registry.changeMetadata(of: machine, own)
            }
        }
        return revision
    }

    private func write(
        _ body: () async throws(RegistryError) -> Int64
    ) async throws(ClusterAccessError) -> Int64 {
        do {
            let revision = try await body()
            written = max(written, revision)
            return revision
        } catch {
            throw ClusterAccessError(error)
        }
    }

    func updates() async throws(ClusterAccessError) -> AsyncThrowingStream<APIClusterUpdate, any Error> {
        let updates = await view.updates()
        return AsyncThrowingStream { continuation in
            let task = Task {
                var state = ClusterState()
                do {
                    for try await update in updates {
                        switch update {
                        case .snapshot(let events, let revision, _):
                            state = ClusterState(events)
                            continuation.yield(APIClusterUpdate(revision: revision, state: state))
                        case .changes(let events, let revision, _):
                            for event in events { state.apply(event) }
                            continuation.yield(APIClusterUpdate(revision: revision, state: state, changes: events))
                        case .disconnected, .reconnected: break
                        }
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Asks the engine's own rules about the state at hand; the leader alone acts on them.
    func explain(_ name: UnitName) async throws(ClusterAccessError) -> [String] {
        let (state, revision) = try await state()
        guard let unit = state.units[name] else { throw .missing }
        guard unit.target > .inactive else { return [] }
        let homes = state.sortedAssignments(of: name).map(\.machine).filter { state.machines[$0] != nil }
        let isDraining = homes.contains { state.control[$0]?.isDraining ?? false }
        if !homes.isEmpty, !isDraining { return [] }
        if refusals?.revision != revision {
            var engine = Engine(state.events, revision: revision)
            _ = engine.plan()
            refusals = (revision, engine.waiting, engine.held)
        }
        if let held = refusals?.held[name] { return ["its machine is being drained; \(held)"] }
        return refusals?.waiting[name].map { ["\($0)"] } ?? []
    }

    func ready() async -> String? {
        await view.disconnection?.message
    }
}

extension ClusterAccessError {
    init(_ error: RegistryError) {
        switch error.code {
        case .notFound: self = .missing
        case .conflict: self = .exists
        case .store, .timedOut, .otherStore: self = .unavailable(error.message)
        case .interfered, .sessionLost, .deposed, .invalid, .damaged: self = .failed(error.message)
        }
    }
}
