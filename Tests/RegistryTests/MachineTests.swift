// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct MachineTests {
    private func stored(_ test: TestStore, _ lease: LeaseID) async throws -> [UnitName: UnitState] {
        let own = try await test.registry.readOwnStates(Sample.a, lease: lease)
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

    private func claims(_ assignments: [StoredAssignment]) -> [Claim] {
        assignments.map { Claim($0, state: Sample.state(Sample.a, $0.assignment.unit)) }
    }

    @Test("a machine's record lives as long as its session", arguments: StoreKind.allCases)
    func session(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (lease, _) = try await test.store.grantLease(ttl: 60)
        let machine = Sample.machine(Sample.a)
        guard case .registered(let revision) = try await test.registry.register(machine, lease: lease) else {
            throw Missing()
        }
        #expect(try await test.registry.register(machine, lease: lease) == .registered(revision: revision))
        #expect(try await test.registry.updateMachine(machine, lease: lease) == revision)
        var renamed = machine
        renamed.name = "other"
        #expect(try await test.registry.updateMachine(renamed, lease: lease) > revision)
        try await test.expire(lease)
        #expect(try await test.store.get(test.registry.keys.machines, revision: 0).keys.isEmpty)
        for attempt in 0..<2 {
            let error = await #expect(throws: RegistryError.self) {
                if attempt == 0 {
                    try await test.registry.updateMachine(machine, lease: lease)
                } else {
                    _ = try await test.registry.register(machine, lease: lease)
                }
            }
            #expect(error?.code == .sessionLost)
        }
    }

    @Test("a restarted agent takes up its own record; a clone is refused", arguments: StoreKind.allCases)
    func takeover(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (old, _) = try await test.store.grantLease(ttl: 60)
        let (new, _) = try await test.store.grantLease(ttl: 60)
        let machine = Sample.machine(Sample.a)
        _ = try await test.registry.register(machine, lease: old)
        let clone = Sample.machine(Sample.a, token: "t2")
        #expect(try await test.registry.register(clone, lease: new) == .taken(by: machine))
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.updateMachine(clone, lease: new)
        }
        #expect(error?.code == .conflict)
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
        let (lease, _) = try await test.store.grantLease(ttl: 60)
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
        let (lease, _) = try await test.store.grantLease(ttl: 60)
        let units = (0..<300).map { Sample.unit($0) }
        let assignments =
            try await assign(test, Array(units[..<100])) + assign(test, Array(units[100..<200]))
            + assign(test, Array(units[200...]))
        // One is withdrawn, one is written anew.
        _ = try await test.store.commit(
            Transaction(then: [.delete(.key(test.registry.keys.assignment(Sample.a, units[5])))]))
        let renewed = try await assign(test, [units[250]])
        let granted = try await test.registry.claim(claims(assignments), lease: lease)
        #expect(granted.count == 300)
        #expect(granted.indices.filter { granted[$0] == nil } == [5, 250])
        #expect(try await stored(test, lease).count == 298)
        #expect(try await test.registry.claim(claims(renewed), lease: lease)[0] != nil)
        #expect(try await stored(test, lease)[units[250]] != nil)
        #expect(try await stored(test, lease)[units[5]] == nil)
        try await test.expire(lease)
        #expect(try await stored(test, lease).isEmpty)
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.claim(claims(renewed), lease: lease)
        }
        #expect(error?.code == .sessionLost)
    }

    @Test("only claimed units are published, under the session", arguments: StoreKind.allCases)
    func publish(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (lease, _) = try await test.store.grantLease(ttl: 60)
        let units = (0..<200).map { Sample.unit($0) }
        _ = try await test.registry.claim(claims(try await assign(test, Array(units[..<100]))), lease: lease)
        _ = try await test.registry.claim(claims(try await assign(test, Array(units[100...198]))), lease: lease)
        let states = units.map { Sample.state(Sample.a, $0, active: "active") }
        #expect(try await test.registry.publish(states, lease: lease) == [units[199]])
        let now = try await stored(test, lease)
        #expect(now.count == 199)
        #expect(now.values.allSatisfy { $0.active == "active" })
        try await test.expire(lease)
        #expect(try await test.registry.publish(states, lease: lease).count == 200, "all is gone with the session")
    }

    @Test("states are withdrawn, whether they are there or not", arguments: StoreKind.allCases)
    func withdraw(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (lease, _) = try await test.store.grantLease(ttl: 60)
        _ = try await test.registry.claim(claims(try await assign(test, [Sample.web, Sample.db])), lease: lease)
        try await test.registry.withdrawStates([Sample.web, Sample.unit(1)], machine: Sample.a)
        #expect(try await stored(test, lease).keys.sorted() == [Sample.db])
        try await test.registry.withdrawStates([Sample.db], machine: Sample.a)
        #expect(try await stored(test, lease).isEmpty)
    }

    @Test("a machine reads its own states and no other's, and what it cannot read is reported")
    func ownStates() async throws {
        let test = try await StoreKind.memory.make()
        let keys = test.registry.keys
        _ = try await test.store.commit(
            Transaction(then: [
                .put(keys.state(Sample.a, Sample.web), StateEntry(Sample.state(Sample.a, Sample.web)).bytes),
                .put(keys.state(Sample.b, Sample.db), StateEntry(Sample.state(Sample.b, Sample.db)).bytes),
                .put(keys.state(Sample.a, Sample.db), Array("{}".utf8)),
                .put("\(keys.prefix)states/\(Sample.a)/x/y", []),
            ]))
        let own = try await test.registry.readOwnStates(Sample.a, lease: .none)
        #expect(own.states == [Sample.state(Sample.a, Sample.web)])
        #expect(own.problems.map(\.key) == [keys.state(Sample.a, Sample.db), "\(keys.prefix)states/\(Sample.a)/x/y"])
    }

    @Test("states that a former session left behind are no claims of the present one")
    func formerStates() async throws {
        let test = try await StoreKind.memory.make()
        let (former, _) = try await test.store.grantLease(ttl: 60)
        let (present, _) = try await test.store.grantLease(ttl: 60)
        _ = try await test.registry.claim(claims(try await assign(test, [Sample.web, Sample.db])), lease: former)
        _ = try await test.registry.claim(claims(try await assign(test, [Sample.db])), lease: present)
        #expect(try await stored(test, present).keys.sorted() == [Sample.db])
    }
}
