// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct FollowTests {
    @Test("a follower misses nothing of what is written while it begins and follows", arguments: StoreKind.allCases)
    func noGap(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let file = try Sample.file("true")
        // Every commit of this test, as the follower has to see it in the end.
        async let written: Int64 = {
            var last: Int64 = 0
            for number in 0..<300 {
                let unit = Sample.unit(number % 40)
                switch number % 3 {
                case 0: last = (try? await registry.createUnit(unit, file: file, target: .loaded)) ?? last
                case 1: last = (try? await registry.requestRestart(unit)) ?? last
                default: last = (try? await registry.destroyUnit(Sample.unit(number / 2 % 40))) ?? last
                }
            }
            return try await registry.createUnit(Sample.web, file: file, target: .launched)
        }()
        var state = ClusterState()
        var followed: Int64 = 0
        var updates = registry.follow().makeAsyncIterator()
        while state.units[Sample.web] == nil, let update = try await updates.next() {
            switch update {
            case .snapshot(let events, let revision, let problems):
                #expect(followed == 0 && problems.isEmpty)
                state = ClusterState(events)
                followed = revision
            case .changes(let events, let revision, _):
                #expect(revision > followed)
                for event in events { state.apply(event) }
                followed = revision
            case .disconnected, .reconnected: Issue.record("the store was not away: \(update)")
            }
        }
        #expect(try await written == followed)
        // A new follower reads the same out of the store.
        var fresh = registry.follow().makeAsyncIterator()
        guard case .snapshot(let events, _, _)? = try await fresh.next() else { throw Missing() }
        #expect(ClusterState(events) == state)
    }

    private func events(
        _ updates: inout AsyncThrowingStream<ClusterUpdate, any Error>.Iterator, until last: ClusterEvent
    ) async throws -> [ClusterEvent] {
        var seen: [ClusterEvent] = []
        while !seen.contains(last), let update = try await updates.next(isolation: #isolation) {
            if case .changes(let events, _, let problems) = update {
                #expect(problems.isEmpty)
                seen += events
            }
        }
        return seen
    }

    @Test("every kind of record is followed from its appearance to its end", arguments: StoreKind.allCases)
    func kinds(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        var updates = registry.follow().makeAsyncIterator()
        #expect(try await updates.next() != nil)
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let machine = Sample.machine(Sample.a)
        let file = try Sample.file("true")
        guard case .registered(let recordRevision) = try await registry.register(machine, lease: lease) else {
            throw Missing()
        }
        let tenure = Tenure(machine: Sample.a, lease: lease, recordRevision: recordRevision)
        let leadership = try #require(try await registry.campaign(machine: Sample.a, lease: lease))
        try await registry.createUnit(Sample.web, file: file, target: .launched)
        let assignment = Sample.assignment(Sample.a, Sample.web)
        let revision = try await registry.commit([Sample.step(Sample.a, Sample.web)], as: leadership).revision
        let state = Sample.state(Sample.a, Sample.web)
        let claim = Claim(StoredAssignment(assignment, modRevision: revision), state: state)
        #expect(try await registry.claim([claim], in: tenure)[0] != nil)
        let unit = UnitRecord(name: Sample.web, hash: file.hash, target: .launched)
        let first = try await events(&updates, until: .statePut(state))
        #expect(
            Set(first) == [
                .machinePut(machine), .leaderPut(leadership), .unitPut(unit), .filePut(file.hash, file),
                .assignmentPut(assignment), .statePut(state),
            ])
        // Equal records may have come at different times, which are told beside what they say.
        for event in first {
            if case .unitPut(let unit) = event { #expect((1..<revision).contains(unit.created.revision)) }
            if case .assignmentPut(let assignment) = event { #expect(assignment.written.revision == revision) }
        }
        try await test.expire(lease)
        let second = try await events(&updates, until: .stateGone(Sample.a, Sample.web))
        #expect(Set(second) == [.machineGone(Sample.a), .leaderGone, .stateGone(Sample.a, Sample.web)])
        try await registry.destroyUnit(Sample.web)
        #expect(try await events(&updates, until: .unitGone(Sample.web)) == [.unitGone(Sample.web)])
    }

    @Test("after a compaction that it slept through a follower begins with a new snapshot")
    func compaction() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let writer = test.registry
        let file = try Sample.file("true")
        try await writer.createUnit(Sample.web, file: file, target: .loaded)
        var store = FaultyStore(store: memory)
        let broken = memory.revision
        store.beforeRead = { selector async throws(EtcdError) in
            // With this key the follower asks whether the store is back, before it takes up its broken watch. While it
            // was away there were changes, and they are compacted.
            guard selector == .key(writer.keys.prefix), memory.revision == broken else { return }
            let units = writer.keys
            _ = try await memory.commit(
                Transaction(then: [.delete(.key(units.unit(Sample.web))), .put(units.unit(Sample.db), [])]))
            _ = try await memory.commit(
                Transaction(then: [
                    .put(units.unit(Sample.db), TargetEntry(hash: file.hash, target: .loaded, restarts: 0).bytes)
                ]))
            memory.compact(to: memory.revision)
        }
        let follower = ClusterRegistry(store: store, cluster: test.cluster, firstPause: .milliseconds(1))
        var updates = follower.follow().makeAsyncIterator()
        guard case .snapshot(let before, _, _)? = try await updates.next() else { throw Missing() }
        #expect(ClusterState(before).units.keys.sorted() == [Sample.web])
        try await until { memory.watchCount == 1 }
        memory.breakWatches(FaultyStore.refused)
        #expect(try await updates.next() == .disconnected(FaultyStore.refused))
        #expect(try await updates.next() == .reconnected)
        guard case .snapshot(let after, memory.revision, [])? = try await updates.next() else { throw Missing() }
        #expect(ClusterState(after).units.keys.sorted() == [Sample.db])
    }

    @Test("a watch that breaks is reported and goes on where it was")
    func brokenWatch() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let registry = test.registry
        let file = try Sample.file("true")
        var updates = registry.follow().makeAsyncIterator()
        #expect(try await updates.next() == .snapshot([], revision: 1, problems: []))
        for number in 0..<5 {
            try await until { memory.watchCount == 1 }
            memory.breakWatches(FaultyStore.refused)
            try await registry.createUnit(Sample.unit(number), file: file, target: .loaded)
            #expect(try await updates.next() == .disconnected(FaultyStore.refused))
            #expect(try await updates.next() == .reconnected)
            guard case .changes(let events, _, _)? = try await updates.next() else { throw Missing() }
            let unit = UnitRecord(name: Sample.unit(number), hash: file.hash, target: .loaded)
            #expect(events == (number == 0 ? [.unitPut(unit), .filePut(file.hash, file)] : [.unitPut(unit)]))
        }
    }

    @Test("a store that has lost its history is refused, not believed")
    func otherStore() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        try await test.registry.createUnit(Sample.web, file: try Sample.file("true"), target: .loaded)
        var updates = test.registry.follow().makeAsyncIterator()
        #expect(try await updates.next() != nil)
        try await until { memory.watchCount == 1 }
        memory.wipe()
        memory.breakWatches(FaultyStore.refused)
        #expect(try await updates.next() == .disconnected(FaultyStore.refused))
        let error = await #expect(throws: RegistryError.self) { _ = try await updates.next() }
        #expect(error?.code == .otherStore)
    }

    @Test("an error that no waiting mends ends the stream")
    func finalError() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        var updates = test.registry.follow().makeAsyncIterator()
        #expect(try await updates.next() != nil)
        try await until { memory.watchCount == 1 }
        let denied = EtcdError(code: .permissionDenied, message: "no", isTransient: false, mayHaveHappened: false)
        memory.breakWatches(denied)
        let error = await #expect(throws: RegistryError.self) { _ = try await updates.next() }
        #expect(error?.code == .store(denied))
    }

    @Test("what cannot be read is a problem until it can; nothing else suffers", arguments: StoreKind.allCases)
    func problems(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let keys = registry.keys
        let garbage = Array("{garbage".utf8)
        let wrongID = MachineEntry(Sample.machine(Sample.b)).bytes
        let good = TargetEntry(hash: Sample.hash, target: .loaded, restarts: 0)
        let bad: [(String, [UInt8])] = [
            (keys.unit(Sample.web), garbage), (keys.machine(Sample.a), wrongID), (keys.leader, []),
            (keys.state(Sample.a, Sample.web), Array("{}".utf8)), (keys.assignment(Sample.a, Sample.web), [0xFF]),
            (keys.file(Sample.hash), [0xFF]), ("\(keys.prefix)units/.. ", good.bytes),
        ]
        _ = try await test.store.commit(
            Transaction(
                then: bad.map { .put($0.0, $0.1) } + [
                    .put(keys.unit(Sample.db), good.bytes), .put("\(keys.prefix)stacks/felix", garbage),
                ]))
        var updates = registry.follow().makeAsyncIterator()
        guard case .snapshot(let events, _, let problems)? = try await updates.next() else { throw Missing() }
        #expect(events == [.unitPut(good.unit(Sample.db))])
        #expect(problems.map(\.key) == bad.map(\.0).sorted())
        _ = try await test.store.commit(
            Transaction(then: [.put(keys.unit(Sample.web), good.bytes), .delete(.key(keys.leader))]))
        var next = try await updates.next()
        while case .changes(let events, _, _)? = next, events.isEmpty { next = try await updates.next() }
        guard case .changes(let changes, _, let left)? = next else { throw Missing() }
        #expect(Set(changes) == [.unitPut(good.unit(Sample.web)), .leaderGone])
        #expect(left.count == problems.count - 2)
        #expect(try await test.store.get(keys.everything, revision: 0).keys.count == bad.count + 1)
    }

    @Test("a machine is told of its own assignments only, with their revisions", arguments: StoreKind.allCases)
    func machine(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let leadership = try #require(try await registry.campaign(machine: Sample.a, lease: lease))
        let first = try await registry.commit([Sample.step(Sample.a, Sample.web)], as: leadership).revision
        let web = StoredAssignment(Sample.assignment(Sample.a, Sample.web), modRevision: first)
        var updates = registry.followMachine(Sample.a).makeAsyncIterator()
        guard case .snapshot([web], _, [])? = try await updates.next() else { throw Missing() }
        _ = try await registry.commit([Sample.step(Sample.b, Sample.db)], as: leadership)
        let second = try await registry.commit([Sample.step(Sample.a, Sample.db)], as: leadership).revision
        let db = StoredAssignment(Sample.assignment(Sample.a, Sample.db), modRevision: second)
        #expect(try await updates.next() == .changes([.put(db)], revision: second, problems: []))
        let withdraw = ScheduleStep(unit: Sample.web, changes: [.withdraw(Sample.a, Sample.web)], reason: "test")
        let third = try await registry.commit([withdraw], as: leadership).revision
        #expect(try await updates.next() == .changes([.gone(Sample.web)], revision: third, problems: []))
        let key = registry.keys.assignment(Sample.a, Sample.db)
        let fourth = try await test.store.commit(Transaction(then: [.put(key, [])])).revision
        let problem = RegistryProblem(key: key, reason: "not JSON: a value is missing at byte 0")
        guard case .changes([], fourth, let problems)? = try await updates.next() else { throw Missing() }
        #expect(problems.map(\.key) == [problem.key], "the unit stays as it is")
    }

    @Test("an engine is told who leads", arguments: StoreKind.allCases)
    func leader(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        var updates = registry.followLeader().makeAsyncIterator()
        guard case .leader(nil, _)? = try await updates.next() else { throw Missing() }
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let leadership = try #require(try await registry.campaign(machine: Sample.a, lease: lease))
        #expect(try await updates.next() == .leader(leadership, revision: leadership.epoch))
        try await test.expire(lease)
        guard case .leader(nil, let revision)? = try await updates.next() else { throw Missing() }
        #expect(revision > leadership.epoch)
        _ = try await test.store.commit(Transaction(then: [.put(registry.keys.leader, [])]))
        guard case .unreadable(let problem)? = try await updates.next() else { throw Missing() }
        #expect(problem.key == registry.keys.leader)
    }

    @Test("a follower whose consumer is gone ends its watch")
    func end() async throws {
        let test = try await StoreKind.memory.make()
        let memory = try #require(test.store as? MemoryStore)
        let task = Task {
            for try await _ in test.registry.follow() {}
        }
        try await until { memory.watchCount == 1 }
        task.cancel()
        try await task.value
        try await until { memory.watchCount == 0 }
    }
}
