// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct LeaderTests {
    private func schedule(_ test: TestStore) async throws -> [Assignment] {
        try await test.store.get(test.registry.keys.schedule, revision: 0).keys.map { entry in
            guard let placed = test.registry.keys.name(of: entry.key, Records.schedule) else { throw Missing() }
            return try TargetEntry(bytes: entry.value).assignment(placed.machine, placed.unit)
        }
    }

    private func lead(_ test: TestStore, _ machine: MachineID = Sample.a) async throws -> Leadership {
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        return try required(try await test.registry.campaign(machine: machine, lease: lease))
    }

    @Test("one machine leads until it resigns or its session ends", arguments: StoreKind.allCases)
    func election(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let (leaseA, _) = try await test.store.grantLease(ttl: 600)
        let (leaseB, _) = try await test.store.grantLease(ttl: 600)
        #expect(try await registry.currentLeader() == nil)
        let first = try #require(try await registry.campaign(machine: Sample.a, lease: leaseA))
        #expect(try await registry.campaign(machine: Sample.b, lease: leaseB) == nil)
        #expect(try await registry.campaign(machine: Sample.a, lease: leaseA) == first, "its answer was lost")
        #expect(try await registry.campaign(machine: Sample.a, lease: leaseB) == nil, "a clone of the machine")
        #expect(try await registry.currentLeader() == first)
        try await registry.resign(first)
        let second = try #require(try await registry.campaign(machine: Sample.b, lease: leaseB))
        #expect(second.epoch > first.epoch)
        try await registry.resign(first)
        #expect(try await registry.currentLeader() == second, "an old leader cannot resign for the new one")
        try await test.expire(leaseB)
        #expect(try await registry.currentLeader() == nil)
        let error = await #expect(throws: RegistryError.self) {
            try await registry.campaign(machine: Sample.b, lease: leaseB)
        }
        #expect(error?.code == .sessionLost)
    }

    @Test("a leader's plan of many steps is written whole, each step in one transaction", arguments: StoreKind.allCases)
    func commit(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let leadership = try await lead(test)
        let steps = (0..<1000).map { Sample.step($0 % 2 == 0 ? Sample.a : Sample.b, Sample.unit($0)) }
        let outcome = try await test.registry.commit(steps, as: leadership)
        #expect(!outcome.isDeposed && outcome.staleSteps.isEmpty)
        #expect(outcome.batches.count == 8)
        #expect(Set(try await schedule(test)).count == 1000)
        let move = ScheduleStep(
            unit: Sample.unit(0),
            changes: [.withdraw(Sample.a, Sample.unit(0)), .assign(Sample.assignment(Sample.b, Sample.unit(0)))],
            reason: "test")
        let moved = try await test.registry.commit([move], as: leadership)
        #expect(moved.batches == [.committed(revision: moved.revision)])
        #expect(moved.revision > outcome.revision)
        #expect(try await schedule(test).filter { $0.unit == Sample.unit(0) }.map(\.machine) == [Sample.b])
    }

    @Test("a deposed leader writes nothing", arguments: StoreKind.allCases)
    func deposed(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let old = try await lead(test)
        try await test.registry.resign(old)
        var outcome = try await test.registry.commit([Sample.step(Sample.a, Sample.web)], as: old)
        #expect(outcome.batches == [.deposed], "nobody leads")
        let new = try await lead(test, Sample.b)
        outcome = try await test.registry.commit((0..<2000).map { Sample.step(Sample.a, Sample.unit($0)) }, as: old)
        #expect(outcome.isDeposed && outcome.revision == 0)
        #expect(try await schedule(test).isEmpty)
        #expect(try await test.registry.commit([Sample.step(Sample.a, Sample.web)], as: new).revision > 0)
    }

    @Test("a step that rests on a machine's absence is not written while it is there", arguments: StoreKind.allCases)
    func absent(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let leadership = try await lead(test)
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        _ = try await test.registry.register(Sample.machine(Sample.b), lease: lease)
        let free = Sample.step(Sample.a, Sample.db)
        let bound = Sample.step(Sample.a, Sample.web, absent: Sample.b)
        let outcome = try await test.registry.commit([bound, free], as: leadership)
        #expect(outcome.staleSteps == [bound])
        #expect(try await schedule(test).map(\.unit) == [Sample.db])
        #expect(try await test.registry.commit([bound], as: leadership).batches == [.stale([bound])])
        try await test.expire(lease)
        #expect(try await test.registry.commit([bound], as: leadership).staleSteps.isEmpty)
        #expect(Set(try await schedule(test).map(\.unit)) == [Sample.db, Sample.web])
    }

    @Test("a step that fits into no transaction is refused before anything is written")
    func tooLarge() async throws {
        let test = try await StoreKind.memory.make()
        let leadership = try await lead(test)
        let large = ScheduleStep(
            unit: Sample.web, changes: (0..<129).map { .assign(Sample.assignment(Sample.a, Sample.unit($0))) },
            reason: "test")
        let twice = ScheduleStep(
            unit: Sample.web, changes: [.withdraw(Sample.a, Sample.web), .withdraw(Sample.a, Sample.web)],
            reason: "test")
        for step in [large, twice] {
            let error = await #expect(throws: RegistryError.self) {
                try await test.registry.commit([Sample.step(Sample.a, Sample.db), step], as: leadership)
            }
            #expect(error?.code == .invalid)
        }
        #expect(try await schedule(test).isEmpty)
    }

    @Test("steps that write one entry are committed one after the other")
    func order() async throws {
        let test = try await StoreKind.memory.make()
        let leadership = try await lead(test)
        var steps: [ScheduleStep] = []
        for round in 0..<3 {
            for number in 0..<200 {
                var assignment = Sample.assignment(Sample.a, Sample.unit(number))
                assignment.restarts = round
                steps.append(ScheduleStep(unit: assignment.unit, changes: [.assign(assignment)], reason: "test"))
            }
        }
        let outcome = try await test.registry.commit(steps, as: leadership)
        #expect(outcome.batches.count == 6)
        #expect(try await schedule(test).allSatisfy { $0.restarts == 2 })
    }

    @Test("a lost answer is an error that says so; a new epoch shuts the lost write out")
    func lostAnswer() async throws {
        let test = try await StoreKind.memory.make()
        let faulty = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: faulty, cluster: test.cluster)
        let old = try await lead(test)
        await faulty.faults.plan(.refuse(FaultyStore.lost))
        let error = await #expect(throws: RegistryError.self) {
            try await registry.commit([Sample.step(Sample.a, Sample.web)], as: old)
        }
        #expect(error?.mayHaveHappened == true)
        try await registry.resign(old)
        _ = try await lead(test)
        // The late copy of the write.
        #expect(try await registry.commit([Sample.step(Sample.a, Sample.web)], as: old).isDeposed)
        #expect(try await schedule(test).isEmpty)
    }
}
