// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Registry

/// The API's cluster: writes go to the registry, reads come from a followed view that is as new as every own write.
actor RegistryClusterAccess: ClusterAccess {
    private let registry: ClusterRegistry
    private let view: ClusterView
    /// Revision of the newest write that this server answered with success.
    private var written: Int64 = 0
    /// What an engine would say of the units that it cannot place, at a revision.
    private var refusals: (revision: Int64, waiting: [UnitName: Refusal], held: [UnitName: Refusal])?

    /// When this access last asked the store whether it is there, and heard that it is.
    private var confirmed: ContinuousClock.Instant?
    /// When this access began, for a store that was never heard.
    private let began = ContinuousClock.now
    /// What clocks say of a moment of which answers have told: it stays the same however often it is told.
    private var told: (instant: ContinuousClock.Instant, moment: Int64)?
    /// Why the store did not confirm what is known, the last time that it was asked, and when that was.
    private var doubt: (reason: String, since: ContinuousClock.Instant)?
    private var probing: Task<Void, Never>?

    private let trust: Duration
    /// How long the first question may take that finds no answer.
    private static let patience: Duration = .milliseconds(1500)
    /// How long a question without an answer speaks for the next one.
    private static let memory: Duration = .seconds(10)

    /// - Parameters:
    ///   - registry: Whose cluster it is.
    ///   - view: What is read.
    ///   - trust: How long the store's confirmation holds.
    init(registry: ClusterRegistry, view: ClusterView, trust: Duration = .seconds(2)) {
        self.trust = trust
        self.registry = registry
        self.view = view
    }

    func state() async throws(ClusterAccessError) -> (state: ClusterState, revision: Int64) {
        if let kept = await keptState() { return kept }
        do {
            return try await view.state(atLeast: written)
        } catch {
            // The store may have gone while the cluster was being read.
            if let kept = await keptState() { return kept }
            throw ClusterAccessError(error)
        }
    }

    /// What was known when the view last followed, if the cluster cannot be read anew since the store is away.
    ///
    /// The store is asked first whether it is there, for a reading of the whole cluster takes longer to fail.
    private func keptState() async -> (state: ClusterState, revision: Int64)? {
        guard let kept = await view.kept, kept.revision >= written, await reasonForDoubt() != nil else { return nil }
        return (kept.state, kept.revision)
    }

    /// Takes note of a write that did not go through here: what is read from now on contains it.
    func wrote(at revision: Int64) { written = max(written, revision) }

    func createUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in
            try await self.registry.createUnit(name, file: file, target: target, checkedAt: checkedAt)
        }
    }

    func replaceUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max
    ) async throws(ClusterAccessError) -> Int64 {
        try await write { () throws(RegistryError) in
            try await self.registry.replaceUnit(name, file: file, target: target, checkedAt: checkedAt)
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
            // Who looks again must see what stands in the way.
            written = max(written, error.revision)
            throw ClusterAccessError(error)
        }
    }

    func updates() async throws(ClusterAccessError) -> AsyncThrowingStream<APIClusterUpdate, any Error> {
        let kept = await keptState()
        let updates = await view.updates()
        return AsyncThrowingStream { continuation in
            // Who listens while the store is away is told at once, too; a snapshot follows when it is back.
            if let kept { continuation.yield(APIClusterUpdate(revision: kept.revision, state: kept.state)) }
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
        let homes = state.livingAssignments(of: name).map(\.machine)
        let isDraining = homes.contains { state.control[$0]?.isDraining ?? false }
        if !homes.isEmpty, !isDraining { return [] }
        if refusals?.revision != revision {
            var engine = Engine(state.events, revision: revision)
            _ = engine.plan()
            refusals = (revision, engine.waiting, engine.held)
        }
        if let held = refusals?.held[name] { return ["its machine is being drained; \(held)"] }
        return (refusals?.waiting[name]).map { ["\($0)"] } ?? []
    }

    /// While etcd is away what was read of it before is still answered, with its age; writes find out for themselves.
    func ready() async -> String? {
        guard let disconnection = await view.disconnection, await !view.hasState, await view.kept == nil else {
            return nil
        }
        return disconnection.message
    }

    // MARK: Age

    /// Up to when what is known is true, unless the store has confirmed it within `trust`.
    ///
    /// A watch is silent when nothing happens and when etcd has lost its quorum, so silence proves nothing: an answer does that
    /// only a majority gives. A cluster at which nobody asks is not asked either; the session is renewed all the same, and
    /// each renewal tells that etcd was there.
    func staleness() async -> Staleness? {
        guard let reason = await reasonForDoubt() else { return nil }
        let heard = max(confirmed ?? began, registry.store.lastConfirmation ?? began)
        // What does not follow the store is not as new as the store's last word.
        let known = min(heard, await view.currentUntil ?? heard)
        return Staleness(
            asOf: moment(of: known), age: Self.seconds(since: known), silence: Self.seconds(since: heard),
            reason: reason)
    }

    private static func seconds(since instant: ContinuousClock.Instant) -> Int {
        Int(instant.duration(to: .now).components.seconds)
    }

    /// In milliseconds since 1970.
    private func moment(of instant: ContinuousClock.Instant) -> Int64 {
        if let told, told.instant == instant { return told.moment }
        let now = Date().timeIntervalSince1970 * 1000
        let moment = Int64(now - instant.duration(to: .now) / Duration.milliseconds(1))
        told = (instant, moment)
        return moment
    }

    /// Why the store does not confirm what is known; `nil` when it has done so within `trust`.
    private func reasonForDoubt() async -> String? {
        if let confirmed, confirmed.duration(to: .now) < trust { return nil }
        let question = probing ?? probe()
        // Who has just heard that etcd is away does not wait for it again; the question goes on by itself.
        if !isAway { await question.value }
        return doubt?.reason
    }

    /// Whether the store has lately given no answer, and none to anybody here since.
    private var isAway: Bool {
        guard let doubt, doubt.since.duration(to: .now) < Self.memory else { return false }
        return (registry.store.lastConfirmation ?? doubt.since) <= doubt.since
    }

    /// Asks the store whether it is there; one question at a time, whoever wants to know.
    private func probe() -> Task<Void, Never> {
        let asked = ContinuousClock.now
        let registry = registry
        let task = Task {
            let outcome = await Self.answer(of: registry)
            probing = nil
            switch outcome {
            // What an answer proves, it proves of the moment of the question.
            case .success: (confirmed, doubt) = (asked, nil)
            case .failure(let error): doubt = (error.message, ContinuousClock.now)
            }
        }
        probing = task
        return task
    }

    private static func answer(of registry: ClusterRegistry) async -> Result<Int64, RegistryError> {
        await withTaskGroup(of: Result<Int64, RegistryError>?.self) { group in
            group.addTask {
                do throws(RegistryError) { return .success(try await registry.newestRevision()) } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: patience)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
                ?? .failure(
                    RegistryError(
                        code: .timedOut, message: "etcd gives no answer within \(patience)", isTransient: true))
        }
    }
}

extension ClusterAccessError {
    init(_ error: RegistryError) {
        switch error.code {
        case .notFound: self = .missing
        case .conflict: self = .exists
        case .store, .timedOut, .otherStore: self = .unavailable(error.reason)
        case .interfered, .sessionLost, .deposed, .invalid, .damaged: self = .failed(error.reason)
        }
    }
}
