// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct ClusterViewTests {
    @Test("who has changed something sees it in the state of that revision", arguments: StoreKind.allCases)
    func ownWrites(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let view = ClusterView(registry: test.registry)
        let file = try Sample.file("true")
        for number in 0..<50 {
            let revision = try await test.registry.createUnit(Sample.unit(number), file: file, target: .loaded)
            let (state, reached) = try await view.state(atLeast: revision, within: .seconds(60))
            #expect(reached >= revision)
            #expect(state.units.count == number + 1)
            #expect(state.files[file.hash] == file)
        }
        let revision = try await test.registry.destroyUnit(Sample.unit(7))
        #expect(
            try await view.withState(atLeast: revision, within: .seconds(60)) { state, _ in state.units[Sample.unit(7)]
            } == nil)
    }

    @Test("a revision that does not come is waited for until the deadline, or until the caller gives up")
    func deadline() async throws {
        let test = try await StoreKind.memory.make()
        let view = ClusterView(registry: test.registry)
        var error = await #expect(throws: RegistryError.self) {
            try await view.state(atLeast: 1000, within: .milliseconds(1))
        }
        #expect(error?.code == .timedOut && error?.isTransient == true)
        let waiting = Task { try await view.state(atLeast: 1000, within: .seconds(3600)) }
        waiting.cancel()
        error = await #expect(throws: RegistryError.self) { try await waiting.value }
        guard case .store(let cause)? = error?.code else { throw Missing() }
        #expect(cause.code == .cancelled)
    }

    @Test("the view follows while it is used and stops after its grace time")
    func lifetime() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let view = ClusterView(registry: test.registry, grace: .zero)
        #expect(memory.watchCount == 0)
        await view.acquire()
        await view.acquire()
        _ = try await view.state(within: .seconds(60))
        try await until { memory.watchCount == 1 }
        await view.release()
        #expect(await view.isFollowing)
        await view.release()
        try await until { memory.watchCount == 0 }
        #expect(await !view.isFollowing)
        try await test.registry.createUnit(Sample.web, file: try Sample.file("true"), target: .loaded)
        #expect(try await view.state(within: .seconds(60)).state.units.count == 1)
        try await until { memory.watchCount == 0 }
    }

    @Test("subscribers begin with what is there and are told of every change")
    func subscribers() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let view = ClusterView(registry: test.registry, grace: .zero)
        let file = try Sample.file("true")
        try await test.registry.createUnit(Sample.web, file: file, target: .loaded)
        _ = try await view.state(within: .seconds(60))
        do {
            var early = await view.updates().makeAsyncIterator()
            guard case .snapshot(let first, _, _)? = try await early.next() else { throw Missing() }
            #expect(ClusterState(first).units.keys.sorted() == [Sample.web])
            try await test.registry.createUnit(Sample.db, file: file, target: .loaded)
            guard case .changes(let events, _, _)? = try await early.next() else { throw Missing() }
            #expect(events == [.unitPut(UnitRecord(name: Sample.db, hash: file.hash, target: .loaded))])
            var late = await view.updates().makeAsyncIterator()
            guard case .snapshot(let all, _, _)? = try await late.next() else { throw Missing() }
            #expect(ClusterState(all).units.count == 2)
            #expect(memory.watchCount == 1, "all share one watch")
        }
        try await until { memory.watchCount == 0 }
    }

    @Test("when following ends all who wait and listen are told why, and the next user begins anew")
    func failure() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let view = ClusterView(registry: test.registry)
        var updates = await view.updates().makeAsyncIterator()
        #expect(try await updates.next() != nil)
        let waiting = Task { try await view.state(atLeast: 1000, within: .seconds(3600)) }
        try await until { memory.watchCount == 1 }
        let denied = EtcdError(code: .permissionDenied, message: "no", isTransient: false, mayHaveHappened: false)
        memory.breakWatches(denied)
        let error = await #expect(throws: RegistryError.self) { _ = try await updates.next() }
        #expect(error?.code == .store(denied))
        // The waiter came before or after the end; in neither case may it see revision 1000.
        waiting.cancel()
        await #expect(throws: RegistryError.self) { try await waiting.value }
        #expect(try await view.state(within: .seconds(60)).revision == 1)
    }

    @Test("a store that is away shows, and problems do")
    func staleness() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let registry = ClusterRegistry(store: memory, cluster: test.cluster, firstPause: .seconds(3600))
        let view = ClusterView(registry: registry)
        _ = try await test.store.commit(Transaction(then: [.put(registry.keys.unit(Sample.web), [])]))
        await view.acquire()
        _ = try await view.state(within: .seconds(60))
        #expect(await view.problems.map(\.key) == [registry.keys.unit(Sample.web)])
        #expect(await view.disconnection == nil)
        try await until { memory.watchCount == 1 }
        memory.breakWatches(FaultyStore.refused)
        try await until { await view.disconnection == FaultyStore.refused }
        #expect(try await view.state(within: .seconds(60)).revision == 2, "what is known is still told")
    }

    @Test("what was known when the last user went is kept until the cluster is read anew, and not of another store")
    func kept() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let view = ClusterView(registry: test.registry, grace: .zero)
        #expect(await view.kept == nil)
        #expect(await view.currentUntil == nil)
        let revision = try await test.registry.createUnit(
            Sample.web, file: try Sample.file("true"), target: .loaded)
        let before = ContinuousClock.now
        _ = try await view.state(atLeast: revision, within: .seconds(60))
        try await until { await view.kept != nil }
        let kept = try #require(await view.kept)
        #expect(kept.revision == revision && kept.state.units.count == 1)
        #expect(kept.until >= before && kept.until <= ContinuousClock.now)
        #expect(await !view.isFollowing)
        #expect(await !view.hasState)
        #expect(await view.currentUntil == kept.until)
        await view.acquire()
        _ = try await view.state(within: .seconds(60))
        #expect(await view.kept == nil, "what is read anew replaces it")
        #expect(await view.currentUntil == nil)
        try await until { memory.watchCount == 1 }
        let denied = EtcdError(code: .permissionDenied, message: "no", isTransient: false, mayHaveHappened: false)
        memory.breakWatches(denied)
        try await until { await !view.isFollowing }
        #expect(await view.kept == nil, "an end that is final keeps nothing")
    }

    @Test("what was read before the store went is kept, though nobody uses it meanwhile")
    func outage() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let registry = ClusterRegistry(store: memory, cluster: test.cluster, firstPause: .seconds(3600))
        let view = ClusterView(registry: registry, grace: .zero)
        try await registry.createUnit(Sample.web, file: try Sample.file("true"), target: .loaded)
        await view.acquire()
        _ = try await view.state(within: .seconds(60))
        try await until { memory.watchCount == 1 }
        memory.breakWatches(FaultyStore.refused)
        try await until { await view.disconnection == FaultyStore.refused }
        await view.release()
        // Time enough for a view that would stop.
        for _ in 0..<1000 { await Task.yield() }
        #expect(await view.hasState)
        #expect(try await view.state(within: .seconds(60)).state.units.count == 1)
    }
}
