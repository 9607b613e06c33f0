// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite("Cordon, drain and brake") struct ControlTests {
    /// What the store says of the cluster, as a follower decodes it.
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

    @Test("a machine is cordoned, drained and opened again", arguments: StoreKind.allCases)
    func control(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let cordoned = try await registry.control(Sample.a, .cordon, by: "ann", at: 7)
        let found = try await state(test)
        #expect(
            found.state.control == [
                Sample.a: MachineControl(isCordoned: true, isDraining: false, since: 7, by: "ann")
            ])
        #expect(found.problems.isEmpty)
        // Saying it again changes nothing, neither who nor when.
        #expect(try await registry.control(Sample.a, .cordon, by: "bob", at: 8) >= cordoned)
        #expect(try await state(test).state.control[Sample.a]?.by == "ann")
        _ = try await registry.control(Sample.a, .drain, by: "bob", at: 9)
        #expect(
            try await state(test).state.control[Sample.a]
                == MachineControl(isCordoned: true, isDraining: true, since: 9, by: "bob"))
        _ = try await registry.control(Sample.a, .cordon, by: "", at: 10)
        #expect(try await state(test).state.control[Sample.a]?.isDraining == true, "cordon does not stop a drain")
        _ = try await registry.control(Sample.a, .uncordon, by: "", at: 11)
        #expect(try await state(test).state.control.isEmpty)
        _ = try await registry.control(Sample.a, .uncordon, by: "", at: 12)
    }

    @Test("fields of a wish that we do not know stay, and one that cannot be read is left alone")
    func foreignFields() async throws {
        let test = try await StoreKind.memory.make()
        let key = test.registry.keys.control(Sample.a)
        _ = try await test.store.commit(
            Transaction(then: [.put(key, Array(#"{"cordoned":true,"reason":"disk"}"#.utf8))]))
        _ = try await test.registry.control(Sample.a, .drain, by: "ann", at: 5)
        let value = try await test.store.get(.key(key), revision: 0).keys[0].value
        #expect(String(decoding: value, as: UTF8.self).contains(#""reason":"disk""#))
        _ = try await test.store.commit(Transaction(then: [.put(key, Array(#"{"cordoned":1}"#.utf8))]))
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.control(Sample.a, .cordon, by: "", at: 6)
        }
        #expect(error?.code == .damaged)
        #expect(try await state(test).problems.map(\.key) == [key])
    }

    @Test("a leader's notes are read back as they were written, and end with its lead", arguments: StoreKind.allCases)
    func notes(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let leadership = try await lead(test)
        let brake = Brake(lost: [Sample.a, Sample.b], seen: 3, window: 5)
        let notes: [ClusterNote] = [.brake(brake), .remember(Sample.a), .remember(Sample.b)]
        try await test.registry.write(notes, at: 12_345, as: leadership)
        var found = try await state(test)
        #expect(found.problems.isEmpty)
        #expect(found.state.seen == [Sample.a, Sample.b])
        #expect(found.state.brake == Brake(lost: [Sample.a, Sample.b], seen: 3, window: 5, since: 12_345))
        try await test.registry.write([.forget(Sample.b), .release], at: 0, as: leadership)
        found = try await state(test)
        #expect(found.state.seen == [Sample.a])
        #expect(found.state.brake == nil)
        try await test.registry.resign(leadership)
        let error = await #expect(throws: RegistryError.self) {
            try await test.registry.write(notes, at: 0, as: leadership)
        }
        #expect(error?.code == .deposed)
        #expect(try await state(test).state.brake == nil)
    }

    @Test("who releases the brake takes away what would bring it back", arguments: [2, 200])
    func release(_ count: Int) async throws {
        let test = try await StoreKind.etcd.make()
        let leadership = try await lead(test)
        #expect(try await test.registry.releaseBrake() == nil)
        let lost = try (0..<count).map { number in
            try required(MachineID(String(repeating: "0", count: 28) + String(1000 + number)))
        }
        let brake = Brake(lost: lost, seen: count + 1, window: 5)
        try await test.registry.write(
            lost.map { .remember($0) } + [.remember(Sample.b), .brake(brake)], at: 1, as: leadership)
        #expect(try await test.registry.releaseBrake() != nil)
        let left = try await state(test).state
        #expect(left.brake == nil)
        #expect(left.seen == [Sample.b])
    }

    @Test(
        "a brake that makes no sense is a problem, no brake, and can be released",
        arguments: ["", "{}", #"{"lost":"a"}"#, #"{"lost":["x"]}"#, #"{"lost":[],"seen":"x"}"#])
    func damagedBrake(_ text: String) async throws {
        let test = try await StoreKind.memory.make()
        _ = try await test.store.commit(Transaction(then: [.put(test.registry.keys.brake, Array(text.utf8))]))
        let found = try await state(test)
        #expect(found.state.brake == nil)
        #expect(found.problems.map(\.key) == [test.registry.keys.brake])
        #expect(try await test.registry.releaseBrake() != nil)
        #expect(try await state(test).problems.isEmpty)
    }
}
