// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite(.timeLimit(.minutes(5))) struct IdentityTests {
    private static let machine = MachineIdentity(
        id: Sample.a, name: "alpha", roles: ["agent", "engine"], metadata: ["zone": "a"], joinedAt: 5)
    private static let user = UserIdentity(name: "ada", role: .operator, createdAt: 7)

    @Test("records keep the fields that we do not know, and their own")
    func records() throws {
        let stored = Array(#"{"colour":"red","name":"ada","role":"viewer","createdAt":7}"#.utf8)
        var user = try UserIdentity(bytes: stored)
        #expect(user == UserIdentity(name: "ada", role: .viewer, createdAt: 7))
        user.revokedAt = 9
        let bytes = try user.bytes(replacing: stored)
        #expect(String(decoding: bytes, as: UTF8.self).contains(#""colour":"red""#))
        #expect(try UserIdentity(bytes: bytes) == user)
        #expect(try MachineIdentity(bytes: Self.machine.bytes) == Self.machine)
        let authorities = AuthoritiesEntry(bundle: "PEM", signers: ["tcp:10.0.0.1:1"], vouches: ["a", "b"])
        #expect(try AuthoritiesEntry(bytes: authorities.bytes) == authorities)
        #expect(UserRole.viewer < .operator && UserRole.operator < .admin)
    }

    @Test("a user whose certificate is older than its record was made when the cluster came to know it")
    func addedLater() throws {
        let stored = Array(#"{"name":"admin","role":"admin","createdAt":7,"addedAt":9}"#.utf8)
        let admin = try UserIdentity(bytes: stored)
        #expect(admin == UserIdentity(name: "admin", role: .admin, createdAt: 7, addedAt: 9))
        #expect(admin.createdAt == 7 && admin.began == 9)
        #expect(try UserIdentity(bytes: admin.bytes) == admin)
        #expect(Self.user.began == Self.user.createdAt)
        // One that is made anew under the same name has a date of its own.
        let bytes = try Self.user.bytes(replacing: stored)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("addedAt"))
    }

    @Test("a machine is asked for a password once until it has one, and a record from before knows of no asking")
    func passwords() async throws {
        let registry = try await StoreKind.memory.make().registry
        let old = Array(#"{"id":"\#(Sample.a)","roles":["agent"],"joinedAt":5}"#.utf8)
        #expect(try !MachineIdentity(bytes: old).isPasswordAwaited)
        try await registry.addMachine(Self.machine)
        for number in [1, 2] as [Int64] {
            for _ in 0..<2 { try await registry.askForPassword(of: Sample.a) }
            let asked = try #require(try await registry.machineIdentity(Sample.a))
            #expect(asked.isPasswordAwaited && asked.passwordsAsked == number)
            #expect(try MachineIdentity(bytes: asked.bytes) == asked)
            // An answer to a former asking is none to this one.
            try await registry.notePassword(of: Sample.a, asked: number - 1)
            #expect(try await registry.machineIdentity(Sample.a)?.isPasswordAwaited == true)
            try await registry.notePassword(of: Sample.a, asked: number)
            #expect(try await registry.machineIdentity(Sample.a)?.isPasswordAwaited == false)
        }
        let missing = await #expect(throws: RegistryError.self) { try await registry.askForPassword(of: Sample.b) }
        #expect(missing?.code == .notFound)
    }

    @Test(
        "a record that lacks what it must have is refused",
        arguments: [
            #"{"name":"ada","role":"king","createdAt":7}"#, #"{"name":"ada","role":"admin"}"#,
            #"{"role":"admin","createdAt":7}"#, #"{"name":"ada","role":"admin","createdAt":"7"}"#, "[]", "",
            #"{"name":"ada","role":"admin","createdAt":7,"addedAt":"soon"}"#,
        ])
    func refusedRecord(text: String) {
        #expect(throws: RecordError.self) { try UserIdentity(bytes: Array(text.utf8)) }
    }

    @Test("machines and users are made once, changed and revoked", arguments: StoreKind.allCases)
    func life(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        try await registry.addMachine(Self.machine)
        let twice = await #expect(throws: RegistryError.self) { try await registry.addMachine(Self.machine) }
        #expect(twice?.code == .conflict)
        try await registry.changeMachine(Sample.a) { $0.metadata["zone"] = "b" }
        #expect(try await registry.machineIdentity(Sample.a)?.metadata == ["zone": "b"])
        try await registry.addMachine(Self.machine, mayReplace: true)
        try await registry.revokeMachine(Sample.a, at: 10)
        try await registry.revokeMachine(Sample.a, at: 11)
        #expect(try await registry.machineIdentity(Sample.a)?.revokedAt == 10)
        try await registry.addMachine(Self.machine)
        #expect(try await registry.machineIdentity(Sample.a)?.revokedAt == nil)
        let missing = await #expect(throws: RegistryError.self) { try await registry.revokeMachine(Sample.b, at: 1) }
        #expect(missing?.code == .notFound)

        try await registry.addUser(Self.user)
        let again = await #expect(throws: RegistryError.self) { try await registry.addUser(Self.user) }
        #expect(again?.code == .conflict)
        try await registry.setRole(of: "ada", .admin)
        try await registry.revokeUser("ada", at: 12)
        let users = try await registry.userIdentities()
        #expect(users.users == [UserIdentity(name: "ada", role: .admin, createdAt: 7, revokedAt: 12)])
        #expect(users.problems.isEmpty)
        #expect(try await registry.machineIdentities().machines == [Self.machine])
    }

    @Test("a name that leads elsewhere is no user's", arguments: ["", "../x", "a/b", ".a", "-a", "a b", "ä", "a\n"])
    func badName(name: String) async throws {
        let registry = try await StoreKind.memory.make().registry
        let error = await #expect(throws: RegistryError.self) {
            try await registry.addUser(UserIdentity(name: name, role: .viewer, createdAt: 1))
        }
        #expect(error?.code == .invalid)
        #expect(error?.message.contains("\n\n") == false)
    }

    @Test("an identity that cannot be read is reported, changed by nobody, and not deleted")
    func damaged() async throws {
        let test = try await StoreKind.memory.make()
        let key = test.registry.keys.userIdentity("ada")
        _ = try await test.store.commit(Transaction(then: [.put(key, [0xFF])]))
        let error = await #expect(throws: RegistryError.self) { try await test.registry.revokeUser("ada", at: 1) }
        #expect(error?.code == .damaged)
        #expect(try await test.registry.userIdentities().problems.map(\.key) == [key])
        #expect(try await test.store.get(.key(key), revision: 0).keys.first?.value == [0xFF])
    }

    @Test("the view knows each identity as soon as it changes, and fails closed", arguments: StoreKind.allCases)
    func view(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        try await registry.addUser(Self.user)
        let view = IdentityView(registry: registry)
        var changes = await view.changes().makeAsyncIterator()
        #expect(await view.ready())
        #expect(await view.user("ada") == Self.user)
        #expect(await changes.next() == .user("ada", Self.user))
        #expect(await view.machine(Sample.a) == nil)
        #expect(await !view.isStale)

        try await registry.addMachine(Self.machine)
        #expect(await changes.next() == .machine(Sample.a, Self.machine))
        #expect(await view.machine(Sample.a) == Self.machine)
        try await registry.revokeMachine(Sample.a, at: 10)
        guard case .machine(Sample.a, let revoked?)? = await changes.next() else { throw Missing() }
        #expect(revoked.revokedAt == 10)
        _ = try await test.store.commit(Transaction(then: [.put(registry.keys.userIdentity("ada"), [1])]))
        #expect(await changes.next() == .user("ada", nil))
        #expect(await view.user("ada") == nil)
        #expect(await view.problems.map(\.key) == [registry.keys.userIdentity("ada")])
        // One user's record under another's name would make him that other.
        _ = try await test.store.commit(
            Transaction(then: [
                .put(registry.keys.userIdentity("eve"), Self.user.bytes),
                .delete(.key(registry.keys.userIdentity("ada"))),
                .delete(.key(registry.keys.machineIdentity(Sample.a))),
            ]))
        #expect(await changes.next() == .machine(Sample.a, nil))
        #expect(await view.machine(Sample.a) == nil)
        #expect(await view.user("eve") == nil)
        await view.stop()
    }

    @Test("a machine follows its own identity and whom to trust", arguments: StoreKind.allCases)
    func own(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        var identities = registry.followIdentity(of: Sample.a).makeAsyncIterator()
        #expect(try await identities.next() == .some(nil))
        try await registry.addMachine(Self.machine)
        #expect(try await identities.next() == Self.machine)
        var trusted = registry.followAuthorities().makeAsyncIterator()
        #expect(try await trusted.next() == .some(nil))
        let first = AuthoritiesEntry(bundle: "one", signers: [])
        let revision = try await registry.setAuthorities(first, expecting: 0)
        #expect(try await trusted.next() == first)
        let error = await #expect(throws: RegistryError.self) {
            try await registry.setAuthorities(first, expecting: 0)
        }
        #expect(error?.code == .conflict)
        #expect(try await registry.authorities()?.modRevision == revision)
    }
}
