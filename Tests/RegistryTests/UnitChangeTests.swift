// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct UnitChangeTests {
    @Test("a new unit and its file are there at the revision that is returned", arguments: StoreKind.allCases)
    func create(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let file = try Sample.file("true")
        let revision = try await registry.createUnit(Sample.web, file: file, target: .launched)
        let found = try #require(try await registry.unit(Sample.web))
        #expect(found.record == UnitRecord(name: Sample.web, hash: file.hash, target: .launched))
        #expect(found.modRevision == revision)
        #expect(try await registry.file(file.hash) == file)
        #expect(try await registry.unit(Sample.db) == nil)
    }

    @Test("changes of a unit that is not as expected are refused and write nothing", arguments: StoreKind.allCases)
    func refusals(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let file = try Sample.file("true")
        let other = try Sample.file("false")
        let first = try await registry.createUnit(Sample.web, file: file, target: .loaded)
        let second = try await registry.setTarget(Sample.web, .launched)
        func code(_ change: UnitChange) async throws -> RegistryError.Code? {
            let results = await registry.apply([change])
            guard case .failure(let error) = try #require(results.first) else { return nil }
            #expect(!error.mayHaveHappened && !error.isTransient)
            return error.code
        }
        #expect(try await code(.create(Sample.web, file: other, target: .inactive)) == .conflict)
        #expect(try await code(.replace(Sample.db, file: other, target: .inactive, expecting: nil)) == .notFound)
        #expect(try await code(.replace(Sample.web, file: other, target: .inactive, expecting: first)) == .conflict)
        #expect(try await code(.target(Sample.db, .loaded)) == .notFound)
        #expect(try await code(.restart(Sample.db)) == .notFound)
        #expect(try await code(.destroy(Sample.db)) == .notFound)
        let found = try #require(try await registry.unit(Sample.web))
        #expect(found.modRevision == second)
        await #expect(throws: RegistryError.self) { try await registry.file(other.hash) }
        #expect(try await code(.replace(Sample.web, file: other, target: .loaded, expecting: second)) == nil)
        #expect(try await registry.unit(Sample.web)?.record.hash == other.hash)
    }

    @Test("target, restart and destruction change just that", arguments: StoreKind.allCases)
    func life(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let file = try Sample.file("true")
        try await registry.createUnit(Sample.web, file: file, target: .inactive)
        let set = try await registry.setTarget(Sample.web, .launched)
        #expect(try await registry.setTarget(Sample.web, .launched) == set, "nothing to change is not written")
        try await registry.requestRestart(Sample.web)
        try await registry.requestRestart(Sample.web)
        try await registry.replaceUnit(Sample.web, file: file, target: .loaded)
        let record = try await registry.unit(Sample.web)?.record
        #expect(record == UnitRecord(name: Sample.web, hash: file.hash, target: .loaded, restarts: 2))
        try await registry.destroyUnit(Sample.web)
        #expect(try await registry.unit(Sample.web) == nil)
    }

    @Test("a field of a newer version survives; a damaged record is refused but can be destroyed")
    func foreignValues() async throws {
        let test = try await StoreKind.memory.make()
        let registry = test.registry
        let key = registry.keys.unit(Sample.web)
        let value = #"{"hash":"\#(Sample.hash)","new":[1],"targetState":"loaded"}"#
        _ = try await test.store.commit(Transaction(then: [.put(key, Array(value.utf8))]))
        try await registry.setTarget(Sample.web, .launched)
        let stored = try await test.store.get(.key(key), revision: 0).keys.first?.value
        #expect(
            String(decoding: stored ?? [], as: UTF8.self)
                == #"{"hash":"\#(Sample.hash)","new":[1],"targetState":"launched","restarts":0}"#)

        _ = try await test.store.commit(Transaction(then: [.put(key, Array("garbage".utf8))]))
        let error = await #expect(throws: RegistryError.self) { try await registry.setTarget(Sample.web, .loaded) }
        #expect(error?.code == .damaged)
        #expect(try await test.store.get(.key(key), revision: 0).keys.first?.value == Array("garbage".utf8))
        try await registry.destroyUnit(Sample.web)
        #expect(try await test.store.get(.key(key), revision: 0).keys.isEmpty)
    }

    @Test("concurrent requests to restart are all counted", arguments: StoreKind.allCases)
    func interference(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        try await registry.createUnit(Sample.web, file: try Sample.file("true"), target: .launched)
        let done = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { (try? await registry.requestRestart(Sample.web)) != nil }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == 4)
        #expect(try await registry.unit(Sample.web)?.record.restarts == 4)
    }

    @Test("many changes fit into few transactions, and one refusal sinks no other", arguments: StoreKind.allCases)
    func batch(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        try await registry.createUnit(Sample.unit(77), file: try Sample.file("old"), target: .inactive)
        var changes: [UnitChange] = []
        for number in 0..<300 {
            changes.append(.create(Sample.unit(number), file: try Sample.file("p\(number % 100)"), target: .loaded))
        }
        // The same units once more, after their creation.
        changes += (0..<10).map { .target(Sample.unit($0), .launched) }
        let results = await registry.apply(changes)
        #expect(results.count == changes.count)
        for (index, result) in results.enumerated() {
            switch result {
            case .success: #expect(index != 77)
            case .failure(let error): #expect(index == 77 && error.code == .conflict, "\(index): \(error)")
            }
        }
        let revisions = Set(results.compactMap { try? $0.get() })
        #expect(revisions.count < 12)
        for number in [0, 9, 10, 299] {
            #expect(
                try await registry.unit(Sample.unit(number))?.record.target == (number < 10 ? .launched : .loaded))
        }
        let hashes = try (0..<100).map { try Sample.file("p\($0)").hash }
        #expect(try await registry.files(hashes).files.count == 100)
    }

    @Test(
        "of two units that go by one name, checked at the same moment, the second is refused",
        arguments: StoreKind.allCases)
    func names(_ kind: StoreKind) async throws {
        let plain = try Sample.file("true")
        let named = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n[Install]\nAlias=db.service\n")
        func creation(_ unit: UnitName, _ file: UnitFile, _ checked: Int64) -> UnitChange {
            .create(unit, file: file, target: .loaded, checkedAt: checked)
        }
        let third = Sample.unit(3)
        let pairs: [(Int64) -> (UnitChange, UnitChange, isRefused: Bool)] = [
            { (creation(Sample.web, named, $0), creation(Sample.db, plain, $0), true) },
            { (creation(Sample.db, plain, $0), creation(Sample.web, named, $0), true) },
            { (creation(Sample.web, named, $0), creation(third, named, $0), true) },
            {
                (
                    creation(Sample.db, plain, $0),
                    .replace(third, file: named, target: .loaded, expecting: nil, checkedAt: $0), true
                )
            },
            { (creation(Sample.web, plain, $0), creation(Sample.db, plain, $0), false) },
            { (creation(Sample.web, named, $0), .target(third, .launched), false) },
        ]
        for (number, pair) in pairs.enumerated() {
            let test = try await kind.make()
            if number > 2 { try await test.registry.createUnit(third, file: plain, target: .loaded) }
            let checked = try await test.registry.newestRevision()
            let (one, other, isRefused) = pair(checked)
            _ = try await test.registry.apply([one]).first?.get()
            let before = try await test.registry.newestRevision()
            let result = try #require(await test.registry.apply([other]).first)
            guard isRefused else {
                _ = try result.get()
                continue
            }
            guard case .failure(let error) = result else {
                Issue.record("pair \(number): both passed")
                continue
            }
            #expect(error.code == .conflict && !error.mayHaveHappened, "pair \(number)")
            // A state that shows what stands in the way: the pair's first change alone came after the check.
            #expect(error.revision > checked && error.revision <= before, "pair \(number)")
            #expect(try await test.registry.newestRevision() == before || kind == .etcd, "pair \(number)")
        }
    }

    @Test("another's change in between starts the change anew; in a batch it costs no other change")
    func race() async throws {
        let test = try await StoreKind.memory.make()
        let faulty = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: faulty, cluster: test.cluster)
        let other = test.registry
        let file = try Sample.file("true")
        try await other.createUnit(Sample.web, file: file, target: .inactive)
        try await other.createUnit(Sample.db, file: file, target: .inactive)
        await faulty.faults.plan(.first { try await other.requestRestart(Sample.web) })
        let results = await registry.apply([.target(Sample.web, .launched), .target(Sample.db, .loaded)])
        for result in results { #expect(throws: Never.self) { try result.get() } }
        #expect(
            try await other.unit(Sample.web)?.record
                == UnitRecord(name: Sample.web, hash: file.hash, target: .launched, restarts: 1))
        #expect(try await other.unit(Sample.db)?.record.target == .loaded)
    }

    @Test("a unit that others change all the time is given up with a word that trying again may help")
    func endlessRace() async throws {
        let test = try await StoreKind.memory.make()
        let faulty = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: faulty, cluster: test.cluster)
        let other = test.registry
        try await other.createUnit(Sample.web, file: try Sample.file("true"), target: .inactive)
        let race = Faults.Fault.first { try await other.requestRestart(Sample.web) }
        await faulty.faults.plan(race, race, race, race, race, race, race, race, race, race)
        let error = await #expect(throws: RegistryError.self) { try await registry.setTarget(Sample.web, .loaded) }
        #expect(error?.code == .interfered)
        #expect(error?.isTransient == true && error?.mayHaveHappened == false)
    }

    @Test(
        "a lost answer is looked up: the change is done once and reported as done",
        arguments: [
            UnitChange.target(Sample.web, .launched), .restart(Sample.web), .destroy(Sample.web),
            .replace(Sample.web, file: try! Sample.file("false"), target: .loaded, expecting: nil),
            .create(Sample.db, file: try! Sample.file("true"), target: .loaded),
        ])
    func lostAnswer(_ change: UnitChange) async throws {
        let test = try await StoreKind.memory.make()
        let faulty = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: faulty, cluster: test.cluster)
        let created = try await test.registry.createUnit(Sample.web, file: try Sample.file("true"), target: .inactive)
        await faulty.faults.plan(.loseAnswer)
        let revision = try #require(await registry.apply([change]).first).get()
        #expect(revision == created + 1)
        #expect(try await test.store.get(.key("x"), revision: 0).revision == created + 1, "written once")
    }

    @Test("an answer that is lost before anything was written is made good by writing")
    func lostRequest() async throws {
        let test = try await StoreKind.memory.make()
        let faulty = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: faulty, cluster: test.cluster)
        await faulty.faults.plan(.refuse(FaultyStore.lost))
        try await registry.createUnit(Sample.web, file: try Sample.file("true"), target: .loaded)
        #expect(try await registry.unit(Sample.web) != nil)
    }

    @Test("a refusal of the store is told as it is, and whether the change may have happened")
    func refused() async throws {
        let test = try await StoreKind.memory.make()
        let faulty = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: faulty, cluster: test.cluster)
        let file = try Sample.file("true")
        await faulty.faults.plan(.refuse(FaultyStore.refused))
        var error = await #expect(throws: RegistryError.self) {
            try await registry.createUnit(Sample.web, file: file, target: .loaded)
        }
        #expect(error?.code == .store(FaultyStore.refused))
        #expect(error?.mayHaveHappened == false)
        // Lost, not there when looked up, and refused the second time: the first may still arrive.
        await faulty.faults.plan(.refuse(FaultyStore.lost), .refuse(FaultyStore.refused))
        error = await #expect(throws: RegistryError.self) {
            try await registry.createUnit(Sample.web, file: file, target: .loaded)
        }
        #expect(error?.code == .store(FaultyStore.refused))
        #expect(error?.mayHaveHappened == true)
    }

    @Test("files that nothing uses are collected, unless a unit takes one up in between")
    func files() async throws {
        let test = try await StoreKind.memory.make()
        let registry = test.registry
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let leadership = try #require(try await registry.campaign(machine: Sample.a, lease: lease))
        let (used, unused, reused) = (try Sample.file("a"), try Sample.file("b"), try Sample.file("c"))
        try await registry.createUnit(Sample.unit(1), file: used, target: .loaded)
        for (number, file) in [unused, reused].enumerated() {
            try await registry.createUnit(Sample.unit(10 + number), file: file, target: .loaded)
            try await registry.destroyUnit(Sample.unit(10 + number))
        }
        let view = ClusterView(registry: registry, grace: .zero)
        let (state, seen) = try await view.state(within: .seconds(60))
        #expect(ClusterRegistry.unusedFiles(in: state) == [unused.hash, reused.hash].sorted())
        try await registry.createUnit(Sample.unit(2), file: reused, target: .loaded)
        let doomed = ClusterRegistry.unusedFiles(in: state)
        #expect(try await registry.collectFiles(doomed, unusedAt: seen, as: leadership) == [unused.hash])
        #expect(try await registry.files([used.hash, unused.hash, reused.hash]).files.count == 2)
        try await registry.resign(leadership)
        let error = await #expect(throws: RegistryError.self) {
            try await registry.collectFiles([used.hash], unusedAt: .max, as: leadership)
        }
        #expect(error?.code == .deposed)
        #expect(try await registry.file(used.hash) == used)
    }
}
