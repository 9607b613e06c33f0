// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct MachineTests {
    private func stored(_ test: TestStore, _ tenure: Tenure) async throws -> [UnitName: UnitState] {
        let own = try await test.registry.readOwnStates(in: tenure)
        #expect(own.problems.isEmpty)
        return Dictionary(uniqueKeysWithValues: own.states.map { ($0.unit, $0) })
    }

    /// Assigns units to machine A and says at which revision.
    private func assign(_ test: TestStore, _ units: [UnitName]) async throws -> [StoredAssignment] {
        let keys = test.registry.keys
        let result = try await test.store.commit(
            Transaction(
                then: units.map {
                    .put(keys.assignment(Sample.a, $0), TargetEntry(Sample.assignment(Sample.a, $0)).bytes)
                }))
        return units.map { StoredAssignment(Sample.assignment(Sample.a, $0), modRevision: result.revision) }
    }

    /// Registers machine A under a new session.
    private func enter(_ test: TestStore) async throws -> Tenure {
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        return try await enter(test, lease)
    }

    private func enter(_ test: TestStore, _ lease: LeaseID) async throws -> Tenure {
        guard case .registered(let revision) = try await test.registry.register(Sample.machine(Sample.a), lease: lease)
        else { throw Missing() }
        return Tenure(machine: Sample.a, lease: lease, recordRevision: revision)
    }

    private func claims(_ assignments: [StoredAssignment]) -> [Claim] {
        assignments.map { Claim($0, state: Sample.state(Sample.a, $0.assignment.unit)) }
    }

    @Test("a machine's record lives as long as its session", arguments: StoreKind.allCases)
    func session(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let machine = Sample.machine(Sample.a)
        guard case .registered(let revision) = try await test.registry.register(machine, lease: lease) else {
            throw Missing()
        }
        guard case .registered(let again) = try await test.registry.register(machine, lease: lease) else {
            throw Missing()
        }
        #expect(again > revision, "each registration begins a tenure of its own")
        try await test.expire(lease)
        #expect(try await test.store.get(test.registry.keys.machines, revision: 0).keys.isEmpty)
        let error = await #expect(throws: RegistryError.self) {
            _ = try await test.registry.register(machine, lease: lease)
        }
        #expect(error?.code == .sessionLost)
    }

    @Test("a restarted agent takes up its own record; a clone is refused", arguments: StoreKind.allCases)
    func takeover(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (old, _) = try await test.store.grantLease(ttl: 600)
        let (new, _) = try await test.store.grantLease(ttl: 600)
        let machine = Sample.machine(Sample.a)
        _ = try await test.registry.register(machine, lease: old)
        let clone = Sample.machine(Sample.a, token: "t2")
        #expect(try await test.registry.register(clone, lease: new) == .taken(by: machine))
        var renamed = machine
        renamed.version = "2.0"
        guard case .registered = try await test.registry.register(renamed, lease: new) else { throw Missing() }
        try await test.expire(old)
        let found = try await test.store.get(test.registry.keys.machines, revision: 0).keys
        #expect(try found.map { try MachineEntry(bytes: $0.value).machine } == [renamed])
        #expect(found.first?.lease == new)
    }

    @Test("a machine's record that cannot be read is neither taken over nor deleted")
    func damaged() async throws {
        let test = try await StoreKind.memory.make()
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let key = test.registry.keys.machine(Sample.a)
        _ = try await test.store.commit(Transaction(then: [.put(key, [0xFF])]))
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.register(Sample.machine(Sample.a), lease: lease)
        }
        #expect(error?.code == .damaged)
        #expect(try await test.store.get(.key(key), revision: 0).keys.first?.value == [0xFF])
    }

    @Test("a claim is lost when its assignment has changed; it sinks no other", arguments: StoreKind.allCases)
    func claim(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let tenure = try await enter(test)
        let units = (0..<300).map { Sample.unit($0) }
        let assignments =
            try await assign(test, Array(units[..<100])) + assign(test, Array(units[100..<200]))
            + assign(test, Array(units[200...]))
        // One is withdrawn, one is written anew.
        _ = try await test.store.commit(
            Transaction(then: [.delete(.key(test.registry.keys.assignment(Sample.a, units[5])))]))
        let renewed = try await assign(test, [units[250]])
        let granted = try await test.registry.claim(claims(assignments), in: tenure)
        #expect(granted.count == 300)
        #expect(granted.indices.filter { granted[$0] == nil } == [5, 250])
        #expect(try await stored(test, tenure).count == 298)
        #expect(try await test.registry.claim(claims(renewed), in: tenure)[0] != nil)
        #expect(try await stored(test, tenure)[units[250]] != nil)
        #expect(try await stored(test, tenure)[units[5]] == nil)
        try await test.expire(tenure.lease)
        #expect(try await stored(test, tenure).isEmpty)
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.claim(claims(renewed), in: tenure)
        }
        #expect(error?.code == .sessionLost)
    }

    @Test("only claimed units are published, under the session", arguments: StoreKind.allCases)
    func publish(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let tenure = try await enter(test)
        let units = (0..<200).map { Sample.unit($0) }
        _ = try await test.registry.claim(claims(try await assign(test, Array(units[..<100]))), in: tenure)
        _ = try await test.registry.claim(claims(try await assign(test, Array(units[100...198]))), in: tenure)
        let states = units.map { Sample.state(Sample.a, $0, active: "active") }
        let revisions = try await test.registry.publish(states, over: [:], in: tenure)
        #expect(revisions.indices.filter { revisions[$0] == nil } == [199])
        let now = try await stored(test, tenure)
        #expect(now.count == 199)
        #expect(now.values.allSatisfy { $0.active == "active" })
        try await test.expire(tenure.lease)
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.publish(states, over: [:], in: tenure)
        }
        #expect(error?.code == .sessionLost)
    }

    @Test("a late copy of a request overwrites nothing newer", arguments: StoreKind.allCases, [true, false])
    func lateCopies(_ kind: StoreKind, isRevisionKnown: Bool) async throws {
        let test = try await kind.make()
        let tenure = try await enter(test)
        let recorder = RecordingStore(store: test.store)
        let registry = ClusterRegistry(store: recorder, cluster: test.cluster)
        let claims = claims(try await assign(test, [Sample.web]))
        let claimed = try await registry.claim(claims, in: tenure)[0]
        var known: [UnitName: Int64] = [:]
        for active in ["activating", "active"] {
            let state = Sample.state(Sample.a, Sample.web, active: active)
            let over = isRevisionKnown ? known.merging([Sample.web: claimed ?? 0]) { old, _ in old } : [:]
            known[Sample.web] = try await registry.publish([state], over: over, in: tenure)[0]
        }
        let written = await recorder.transactions
        #expect(written.count == 3)
        // Whatever was given up and arrives now, in any order, finds that its time is over.
        for transaction in written + written.reversed() {
            #expect(try await !test.store.commit(transaction).succeeded)
        }
        #expect(try await stored(test, tenure)[Sample.web]?.active == "active")
    }

    @Test("what overtook a publication does not keep it from being written", arguments: StoreKind.allCases)
    func overtakenPublication(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let tenure = try await enter(test)
        let claimed = try await test.registry.claim(claims(try await assign(test, [Sample.web])), in: tenure)[0]
        let first = Sample.state(Sample.a, Sample.web, active: "activating")
        _ = try await test.registry.publish([first], over: [:], in: tenure)
        let second = Sample.state(Sample.a, Sample.web, active: "active")
        let revision = try await test.registry.publish([second], over: [Sample.web: claimed ?? 0], in: tenure)[0]
        #expect(revision != nil)
        #expect(try await stored(test, tenure)[Sample.web] == second)
        #expect(try await test.registry.readOwnStates(in: tenure).modRevisions[Sample.web] == revision)
    }

    @Test("states are withdrawn, whether they are there or not", arguments: StoreKind.allCases)
    func withdraw(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let tenure = try await enter(test)
        _ = try await test.registry.claim(claims(try await assign(test, [Sample.web, Sample.db])), in: tenure)
        try await test.registry.withdrawStates([Sample.web, Sample.unit(1)], in: tenure)
        #expect(try await stored(test, tenure).keys.sorted() == [Sample.db])
        try await test.registry.withdrawStates([Sample.db], in: tenure)
        #expect(try await stored(test, tenure).isEmpty)
    }

    @Test("what a former run of the agent has on its way changes nothing any more", arguments: StoreKind.allCases)
    func formerRun(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let former = try await enter(test)
        let assigned = try await assign(test, [Sample.web, Sample.db])
        _ = try await test.registry.claim(claims([assigned[0]]), in: former)
        let present = try await enter(test, former.lease)
        let active = Sample.state(Sample.a, Sample.web, active: "active")
        let late: [(String, @Sendable () async throws -> Void)] = [
            ("claim", { _ = try await test.registry.claim([Claim(assigned[1], state: active)], in: former) }),
            ("publish", { _ = try await test.registry.publish([active], over: [:], in: former) }),
            ("withdraw", { try await test.registry.withdrawStates([Sample.web], in: former) }),
        ]
        for (name, request) in late {
            let error = await #expect(throws: RegistryError.self, "\(name)") { try await request() }
            #expect(error?.code == .sessionLost, "\(name)")
        }
        #expect(try await stored(test, present) == [Sample.web: Sample.state(Sample.a, Sample.web)])
    }

    @Test("a machine reads its own states and no other's, and what it cannot read is reported")
    func ownStates() async throws {
        let test = try await StoreKind.memory.make()
        let keys = test.registry.keys
        let tenure = try await enter(test)
        let (former, _) = try await test.store.grantLease(ttl: 600)
        func put(_ key: String, _ value: [UInt8], _ lease: LeaseID? = nil) -> Etcd.Operation {
            .put(key: key, value: value, lease: lease ?? tenure.lease)
        }
        _ = try await test.store.commit(
            Transaction(then: [
                put(keys.state(Sample.a, Sample.web), StateEntry(Sample.state(Sample.a, Sample.web)).bytes),
                put(keys.state(Sample.b, Sample.db), StateEntry(Sample.state(Sample.b, Sample.db)).bytes),
                put(keys.state(Sample.a, Sample.db), Array("{}".utf8)),
                put("\(keys.prefix)states/\(Sample.a)/x/y", []),
                put(
                    keys.state(Sample.a, Sample.unit(1)), StateEntry(Sample.state(Sample.a, Sample.unit(1))).bytes,
                    former),
            ]))
        let own = try await test.registry.readOwnStates(in: tenure)
        #expect(own.states == [Sample.state(Sample.a, Sample.web)])
        #expect(own.problems.map(\.key) == [keys.state(Sample.a, Sample.db), "\(keys.prefix)states/\(Sample.a)/x/y"])
    }
}

/// Keeps every transaction that wrote something, for sending it once more.
private actor RecordingStore: KeyValueStore {
    private let store: any KeyValueStore
    private(set) var transactions: [Transaction] = []

    init(store: any KeyValueStore) { self.store = store }

    func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
        let result = try await store.commit(transaction)
        if result.succeeded, transaction.then.contains(where: { if case .put = $0 { true } else { false } }) {
            transactions.append(transaction)
        }
        return result
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
    nonisolated func watch(
        _ selector: KeySelector, from revision: Int64
    ) -> AsyncThrowingStream<WatchBatch, any Error> { store.watch(selector, from: revision) }
}
