// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite("Operations in the store") struct OperationTests {
    private func state(_ test: TestStore) async throws -> (state: ClusterState, problems: [RegistryProblem]) {
        for try await update in test.registry.follow() {
            guard case .snapshot(let events, _, let problems) = update else { continue }
            return (ClusterState(events), problems)
        }
        throw Missing()
    }

    private func lead(_ test: TestStore) async throws -> Leadership {
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        return try required(try await test.registry.campaign(machine: Sample.a, lease: lease))
    }

    private static let drain = OperationRecord(id: Sample.drain, kind: .drain(Sample.b), by: "ada", limit: 9)

    private static func code(_ work: () async throws -> some Sendable) async -> RegistryError.Code? {
        do {
            _ = try await work()
            return nil
        } catch {
            return (error as? RegistryError)?.code
        }
    }

    @Test(
        "asked for twice it is one operation; other words under its name are a conflict", arguments: StoreKind.allCases)
    func create(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let first = try await test.registry.create(Self.drain, at: 5)
        let found = try await state(test)
        #expect(found.problems.isEmpty)
        #expect(found.state.operations[Sample.drain] == first.operation)
        #expect(first.operation.asked == 5 && first.operation.by == "ada" && first.operation.limit == 9)
        #expect(found.state.control[Sample.b]?.isDraining == true, "the machine is closed in the same transaction")
        #expect(found.state.control[Sample.b]?.operation == Sample.drain)
        _ = try await test.registry.control(Sample.b, .cordon, by: "bob", at: 6)
        #expect(
            try await state(test).state.control[Sample.b]?.operation == Sample.drain,
            "cordon changes nothing of a drain")
        #expect(try await test.registry.create(Self.drain, at: 6).operation == first.operation)
        var other = Self.drain
        other.kind = .drain(Sample.a)
        #expect(await Self.code { try await test.registry.create(other, at: 7) } == .conflict)
    }

    @Test("a machine has one drain that lives, also when two begin at once", arguments: StoreKind.allCases)
    func twoDrains(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let ids = try (1...6).map { try required(OperationID("drain-\($0)")) }
        let outcomes = await withTaskGroup(of: RegistryError.Code?.self) { group in
            for id in ids {
                group.addTask {
                    await Self.code {
                        try await test.registry.create(OperationRecord(id: id, kind: .drain(Sample.b)), at: 1)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 1)
        #expect(try await state(test).state.operations.count == 1)
    }

    @Test(
        "it is paused, resumed and aborted; the end leaves its machine cordoned and its step skipped",
        arguments: StoreKind.allCases)
    func orders(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        #expect(await Self.code { try await registry.order(.pause, of: Sample.drain, by: "", at: 1) } == .notFound)
        _ = try await registry.create(Self.drain, at: 1)
        let paused = try await registry.order(.pause, of: Sample.drain, by: "bob", at: 2).operation
        #expect(paused.state == .paused && paused.reason == "paused by bob" && paused.ended == 0)
        #expect(try await registry.order(.pause, of: Sample.drain, by: "eve", at: 3).operation == paused)
        let resumed = try await registry.order(.resume, of: Sample.drain, by: "bob", at: 4).operation
        #expect(resumed.state == .running && resumed.reason.isEmpty)
        let aborted = try await registry.order(.abort, of: Sample.drain, by: "bob", at: 5).operation
        #expect(aborted.state == .aborted && aborted.ended == 5)
        let control = try await state(test).state.control[Sample.b]
        #expect(control?.isCordoned == true && control?.isDraining == false && control?.operation == nil)
        #expect(await Self.code { try await registry.order(.resume, of: Sample.drain, by: "", at: 6) } == .conflict)
        // The machine may be drained anew.
        _ = try await registry.create(
            OperationRecord(id: try required(OperationID("again")), kind: .drain(Sample.b)), at: 7)
    }

    @Test(
        "the leader writes head, waves and preferences at once, and only what it has seen",
        arguments: StoreKind.allCases)
    func write(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let leadership = try await lead(test)
        let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/true\n")
        try await registry.createUnit(Sample.web, file: file, target: .launched)
        let begun = try await registry.create(Self.drain, at: 1).operation
        var head = begun
        head.wave = 1
        let wave = OperationWave(Sample.drain, 1, [OperationStep(Sample.web, from: Sample.b)])
        let write = OperationWrite(
            head, waves: [wave], preferences: [OperationWrite.Preference(Sample.web, Sample.a)])
        guard case .written = try await registry.write(write, at: 2, as: leadership) else { throw Missing() }
        let found = try await state(test).state
        #expect(found.operations[Sample.drain]?.wave == 1)
        #expect(found.waves[Sample.drain]?[1] == wave)
        #expect(found.units[Sample.web]?.preferred == Sample.a)
        #expect(found.operation(holding: Sample.web)?.id == Sample.drain)
        // It rests on a head that is no more.
        #expect(try await registry.write(write, at: 3, as: leadership) == .stale)
        let other = Leadership(machine: Sample.b, epoch: leadership.epoch + 1)
        var newest = write
        newest.head.modified = try required(found.operations[Sample.drain]).modified
        #expect(await Self.code { try await registry.write(newest, at: 4, as: other) } == .deposed)
        // What users change of the unit keeps what it prefers.
        try await registry.setTarget(Sample.web, .loaded)
        #expect(try await state(test).state.units[Sample.web]?.preferred == Sample.a)
    }

    @Test("what ended long ago is forgotten with its waves, the oldest first where they are too many; what lives stays")
    func forget() async throws {
        let test = try await StoreKind.memory.make()
        let registry = test.registry
        let leadership = try await lead(test)
        let day: Int64 = 86_400_000
        let ends: [(String, Int64)] = [("old", 1), ("new", 31 * day), ("newer", 32 * day)]
        for (name, moment) in ends {
            let id = try required(OperationID(name))
            let head = try await registry.create(OperationRecord(id: id, kind: .drain(Sample.b)), at: moment).operation
            var begun = head
            begun.wave = 1
            let wave = OperationWave(id, 1, [OperationStep(Sample.web, from: Sample.b)])
            _ = try await registry.write(OperationWrite(begun, waves: [wave]), at: moment, as: leadership)
            _ = try await registry.order(.abort, of: id, by: "", at: moment)
        }
        _ = try await registry.create(Self.drain, at: 1)
        func left() async throws -> [String] { try await state(test).state.operations.keys.map(\.rawValue).sorted() }
        #expect(try await registry.forgetOperations(at: 33 * day, as: leadership) == 1)
        #expect(try await left() == ["drain-1", "new", "newer"])
        #expect(try await registry.forgetOperations(at: 33 * day, keeping: 600, as: leadership) == 1)
        #expect(try await left() == ["drain-1", "newer"])
        #expect(try await state(test).state.waves.keys.map(\.rawValue) == ["newer"])
    }

    @Test(
        "a head or wave with numbers or words that cannot be is a problem, and no event",
        arguments: [
            ("operations/x", #"{"kind":"drain","state":"running"}"#),
            ("operations/x", #"{"kind":"move","unit":"web","state":"running"}"#),
            ("operations/x", #"{"kind":"other","state":"dancing"}"#), ("operations/x", #"{"state":"running"}"#),
            ("operations/x", #"{"kind":"other","state":"running","wave":-1}"#),
            ("operations/x", #"{"kind":"other","state":"running","wave":9223372036854775807}"#),
            ("operations/x", #"{"kind":"other","state":"running","renewals":1001}"#),
            ("operations/x", #"{"kind":"other","state":"running","limit":0}"#),
            ("operations/x", #"{"kind":"other","state":"running","asked":-5}"#),
            ("operations/x", #"{"kind":"other","state":"running","ended":99999999999999999999}"#),
            ("operations/x/waves/1", "{}"), ("operations/x/waves/1", #"{"steps":[]}"#),
            ("operations/x/waves/1", #"{"steps":[{"unit":"web.service","from":"a"}]}"#),
        ])
    func damaged(_ path: String, _ value: String) async throws {
        let test = try await StoreKind.memory.make()
        _ = try await test.store.commit(
            Transaction(then: [.put("\(test.registry.keys.prefix)\(path)", Array(value.utf8))]))
        let found = try await state(test)
        #expect(found.problems.count == 1, "\(found.problems)")
        #expect(found.state.operations.isEmpty && found.state.waves.isEmpty)
    }

    @Test("a kind that this version does not know is kept as it is, with its fields")
    func foreign() async throws {
        let test = try await StoreKind.memory.make()
        let id = try required(OperationID("x"))
        let key = test.registry.keys.operation(id)
        _ = try await test.store.commit(
            Transaction(then: [.put(key, Array(#"{"kind":"rollout","state":"running","floor":3}"#.utf8))]))
        #expect(try await state(test).state.operations[id]?.isForeign == true)
        _ = try await test.registry.order(.pause, of: id, by: "ada", at: 1)
        let value = String(decoding: try await test.store.get(.key(key), revision: 0).keys[0].value, as: UTF8.self)
        #expect(value.contains(#""floor":3"#) && value.contains(#""kind":"rollout""#), "\(value)")
    }
}
