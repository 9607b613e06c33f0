// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Registry
import Synchronization
import Testing

@testable import NodeAgent

@Suite("the API's view of the cluster, with etcd", .timeLimit(.minutes(2)))
struct RegistryClusterAccessTests {
    private let web = UnitName(unchecked: "web.service")

    private func access() async throws -> (access: RegistryClusterAccess, registry: ClusterRegistry) {
        let (registry, _) = try await SharedEtcd.registry()
        return (RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)), registry)
    }

    @Test("a reading shows every write that was answered before")
    func ownWrites() async throws {
        let (access, _) = try await access()
        for number in 0..<20 {
            let unit = UnitName(unchecked: "u\(number).service")
            let revision = try await access.createUnit(unit, file: .service("\(number)"), target: .loaded)
            let read = try await access.state()
            #expect(read.state.units[unit]?.target == .loaded)
            #expect(read.revision >= revision)
        }
        _ = try await access.setTarget(UnitName(unchecked: "u0.service"), to: .launched)
        _ = try await access.requestRestart(UnitName(unchecked: "u1.service"))
        _ = try await access.destroyUnit(UnitName(unchecked: "u2.service"))
        let second = try UnitFile.service("second")
        _ = try await access.replaceUnit(UnitName(unchecked: "u3.service"), file: second, target: .inactive)
        let units = try await access.state().state.units
        #expect(units[UnitName(unchecked: "u0.service")]?.target == .launched)
        #expect(units[UnitName(unchecked: "u1.service")]?.restarts == 1)
        #expect(units[UnitName(unchecked: "u2.service")] == nil)
        #expect(units[UnitName(unchecked: "u3.service")]?.hash == second.hash)
        #expect(await access.ready() == nil)
    }

    @Test("how old an answer is shows while etcd does not confirm it, and not when it does again")
    func staleness() async throws {
        let store = SilentStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, cluster: try SharedEtcd.randomCluster())
        let access = RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry), trust: .zero)
        #expect(await access.staleness() == nil)
        store.silence.withLock { $0 = true }
        let before = Int64(Date().timeIntervalSince1970 * 1000)
        let stale = try #require(await access.staleness())
        #expect(stale.reason.contains("no quorum"))
        #expect(stale.asOf <= before && stale.age >= 0)
        // It grows older, and does not become true by being asked for again.
        #expect(await access.staleness()?.asOf == stale.asOf)
        store.silence.withLock { $0 = false }
        // Who knows that etcd is away does not wait for the question whose answer tells otherwise.
        while await access.staleness() != nil { await Task.yield() }
    }

    @Test("who is asked for the first time in long counts etcd's silence from the last answer to anybody here")
    func silenceOfTheStore() async throws {
        let store = SilentStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, cluster: try SharedEtcd.randomCluster())
        let access = RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry), trust: .zero)
        #expect(await access.staleness() == nil)
        let asked = Int64(Date().timeIntervalSince1970 * 1000)
        // The session's renewal, ten minutes after the question: the store has been silent since that, and no longer.
        let renewal = ContinuousClock.now + .seconds(600)
        store.confirmation.withLock { $0 = renewal }
        store.silence.withLock { $0 = true }
        let stale = try #require(await access.staleness())
        #expect(stale.asOf >= asked + 599_000 && stale.silence <= 0 && stale.age <= 0, "\(stale)")
    }

    @Test(
        "what was known when the last user went is told while etcd is away, as of then, and read anew when it is back")
    func keptState() async throws {
        let store = SilentStore(store: MemoryStore())
        let registry = ClusterRegistry(
            store: store, cluster: try SharedEtcd.randomCluster(), firstPause: .milliseconds(1))
        let view = ClusterView(registry: registry, grace: .zero)
        let access = RegistryClusterAccess(registry: registry, view: view, trust: .zero)
        let revision = try await access.createUnit(web, file: .service("1"), target: .loaded)
        #expect(try await access.state().revision == revision)
        try await until("the view to stop") { await !view.isFollowing }
        let kept = try #require(await view.kept)
        // Somebody else changes the cluster, and the session is renewed; neither makes what is known here any newer.
        try await registry.createUnit(UnitName(unchecked: "db.service"), file: .service("1"), target: .loaded)
        let renewal = ContinuousClock.now + .seconds(600)
        store.confirmation.withLock { $0 = renewal }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        store.silence.withLock { $0 = true }
        #expect(try await access.state().state.units.keys.sorted() == [web])
        #expect(await access.ready() == nil)
        let stale = try #require(await access.staleness())
        #expect(stale.asOf <= now && stale.age >= stale.silence, "\(stale)")
        #expect(kept.until <= ContinuousClock.now)
        for try await update in try await access.updates() {
            #expect(update.state.units.keys.sorted() == [web], "who listens begins with it, too")
            break
        }
        store.confirmation.withLock { $0 = nil }
        store.silence.withLock { $0 = false }
        try await until("a fresh reading") { try await access.state().state.units.count == 2 }
        #expect(await access.staleness() == nil)
    }

    @Test("a cluster that was read is still told of while etcd is away")
    func readyFromMemory() async throws {
        let memory = MemoryStore()
        let registry = ClusterRegistry(
            store: memory, cluster: try SharedEtcd.randomCluster(), firstPause: .seconds(3600))
        let view = ClusterView(registry: registry)
        let access = RegistryClusterAccess(registry: registry, view: view)
        await view.acquire()
        _ = try await access.state()
        while memory.watchCount == 0 { await Task.yield() }
        memory.breakWatches(SilentStore.refusal)
        while await view.disconnection == nil { await Task.yield() }
        #expect(await access.ready() == nil)
        _ = try await access.state()
    }

    @Test("what cannot be done is told as the API tells it")
    func refusals() async throws {
        let (access, _) = try await access()
        _ = try await access.createUnit(web, file: .service("1"), target: .loaded)
        await #expect(throws: ClusterAccessError.exists) {
            _ = try await access.createUnit(web, file: .service("1"), target: .loaded)
        }
        let none = UnitName(unchecked: "none.service")
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.setTarget(none, to: .loaded) }
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.requestRestart(none) }
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.destroyUnit(none) }
        await #expect(throws: ClusterAccessError.missing) { _ = try await access.explain(none) }
    }

    @Test("a unit that is to be beside one that does not exist is told so")
    func missingNeighbour() async throws {
        let (access, registry) = try await access()
        _ = try await EngineCluster(registry, machines: 2)
        let timer = UnitName(unchecked: "tidy.timer")
        let file = try UnitFile(parsing: "[Timer]\nOnCalendar=daily\n[X-Fleet]\nMachineOf=tidy.service\n")
        _ = try await access.createUnit(timer, file: file, target: .launched)
        let reasons = try await access.explain(timer)
        #expect(
            reasons == [
                "0 of 2 machines can take it: MachineOf refuses 2 (needs the machine of tidy.service);"
                    + " there is no unit tidy.service in the cluster"
            ])
        _ = try await access.createUnit(UnitName(unchecked: "tidy.service"), file: .service("1"), target: .inactive)
        #expect(try await access.explain(timer).contains { $0.contains("there is no unit") } == false)
    }

    @Test("a unit that no machine takes is explained, one that runs is not")
    func explanation() async throws {
        let (access, registry) = try await access()
        let cluster = try await EngineCluster(registry, machines: 2)
        let file = try UnitFile.service("1", more: "[X-Fleet]\nMachineMetadata=disk=ssd\n")
        _ = try await access.createUnit(web, file: file, target: .launched)
        let words = try await access.explain(web)
        #expect(words.count == 1 && words[0].contains("2"), "\(words)")
        let assignment = Assignment(
            machine: cluster.machines[1].id, unit: web, hash: file.hash, target: .launched)
        _ = try await registry.commit(
            [ScheduleStep(unit: web, changes: [.assign(assignment)], reason: "test")], as: try await cluster.lead())
        try await until("the assignment to be seen") { try await access.explain(web).isEmpty }
        _ = try await access.setTarget(web, to: .inactive)
        #expect(try await access.explain(web).isEmpty)
    }

    @Test("updates begin with the state as it is and go on without a gap")
    func updates() async throws {
        let (access, _) = try await access()
        _ = try await access.createUnit(web, file: .service("1"), target: .loaded)
        var states: [ClusterState] = []
        var seen: Set<UnitName> = []
        for try await update in try await access.updates() {
            states.append(update.state)
            if states.count == 1 {
                #expect(update.changes.isEmpty && update.state.units[web] != nil)
                for number in 0..<5 {
                    let unit = UnitName(unchecked: "u\(number).service")
                    _ = try await access.createUnit(unit, file: .service("1"), target: .loaded)
                }
            }
            for case .unitPut(let record) in update.changes { seen.insert(record.name) }
            if update.state.units.count == 6 { break }
        }
        #expect(seen.count == 5)
    }
}

/// A store that gives no reading while it is silent, as etcd without a quorum.
private final class SilentStore: KeyValueStore {
    static let refusal = EtcdError(
        code: .unreachable, message: "no quorum", isTransient: true, mayHaveHappened: false)

    let silence = Mutex(false)
    /// When it last answered somebody else; `nil` while it does not say.
    let confirmation = Mutex<ContinuousClock.Instant?>(nil)
    private let store: MemoryStore

    init(store: MemoryStore) { self.store = store }

    var lastConfirmation: ContinuousClock.Instant? { confirmation.withLock { $0 } }

    func get(_ selector: KeySelector, revision: Int64) async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        if silence.withLock({ $0 }) { throw Self.refusal }
        return try await store.get(selector, revision: revision)
    }
    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        try await store.commit(transaction)
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
