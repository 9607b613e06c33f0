// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import Etcd
import FleetCore
import FoundationEssentials
import Identity
import Registry
import TestSupport
import Testing

@testable import NodeAgent

/// New passwords at a real etcd, as the machines and the authority take them.
@Suite("Passwords in etcd that change", .timeLimit(.minutes(5)))
struct OwnLoginTests {
    private static let machine = String(repeating: "0a", count: 16)

    private struct Lost: Error {}

    /// An authority, and a machine that it has admitted and that has begun to work.
    private struct Rig {
        let server: EtcdServer
        let desk: AuthorityDesk
        let access: StoreAccess
        let folder: MachineFolder
        let id: MachineID
        let user: String
        let registry: ClusterRegistry

        init(_ path: String) async throws {
            server = try await EtcdServer.start()
            let authority = AuthorityFolder(path: path + "/authority")
            let made = try CertificateAuthority(cluster: "default", now: Date())
            try authority.store(made, bundle: made.trust)
            try authority.storeEtcdPassword("r")
            access = try StoreAccess(
                server.configuration(timeout: .seconds(30)), rootPassword: "r", cluster: .default)
            try await access.prepare()
            registry = ClusterRegistry(store: access.etcd, firstPause: .milliseconds(1))
            desk = AuthorityDesk(
                folder: authority, registry: registry, access: access, etcdEndpoints: [server.endpoint])
            id = try #require(MachineID(OwnLoginTests.machine))
            user = StoreAccess.user(of: id, in: .default)
            let key = KeyPair()
            let membership = try await desk.admit(
                AuthorityDesk.Admission(machine: id, name: "a", addresses: [], roles: ["agent"]),
                request: try key.request(name: "machine"), now: Date())
            folder = MachineFolder(path: path + "/identity")
            try folder.store(
                key: key, certificate: membership.certificate, authorities: membership.authorities,
                etcdPassword: membership.login?.password, etcdCertificate: nil)
        }

        var password: String? { get throws { try folder.etcdPasswords.present() } }

        /// How the agent logs in that begins now.
        func configuration() throws -> EtcdConfiguration {
            var configuration = server.configuration(timeout: .seconds(30))
            (configuration.user, configuration.password) = (user, try password)
            configuration.historyKey = RegistryKeys(cluster: .default).mark
            return configuration
        }

        /// An agent that begins now: its client and its login.
        func begin() throws -> (client: EtcdClient, login: OwnLogin) {
            let configuration = try configuration()
            let client = try EtcdClient(configuration)
            return (
                client,
                try #require(OwnLogin(folder: folder, user: user, configuration: configuration, clients: [client]))
            )
        }

        func identity() async throws -> MachineIdentity {
            try #require(try await registry.machineIdentity(id))
        }

        func isAllowed(_ client: EtcdClient) async throws -> Bool {
            do {
                _ = try await client.get(.key(RegistryKeys(cluster: .default).mark), revision: 0)
                return true
            } catch {
                guard error.code == .loginRefused else { throw error }
                return false
            }
        }
    }

    @Test(
        "a machine takes a new password while it works: its lease is renewed throughout, its former password is refused"
    )
    func renewed() async throws {
        try await withTemporaryFolder { path in
            let rig = try await Rig(path)
            let former = try #require(try rig.password)
            let (client, login) = try rig.begin()
            let (lease, _) = try await client.grantLease(ttl: 600)
            #expect(try await !login.isAwaited(rig.identity()))
            try await rig.registry.askForPassword(of: rig.id)
            let asked = try await rig.identity()
            #expect(await login.isAwaited(asked))
            let desk = rig.desk
            let id = rig.id
            try await login.renew(asked: asked.passwordsAsked) { password in
                try await desk.setPassword(of: id, to: password)
                // Between the change and its answer, when the former login counts no more.
                #expect(try await client.keepAlive(lease) ?? 0 > 0)
            }
            #expect(try await rig.isAllowed(client))
            #expect(try await client.keepAlive(lease) ?? 0 > 0)
            let new = try #require(try rig.password)
            #expect(new != former && StoreAccess.isMachineMade(new) && login.configuration.password == new)
            #expect(try await !rig.identity().isPasswordAwaited)
            // Who has read the record before the change asks for no other.
            #expect(await !login.isAwaited(asked))
            var old = try rig.configuration()
            old.password = former
            #expect(try await !rig.isAllowed(try EtcdClient(old)))
        }
    }

    @Test(
        "a lost answer locks nobody out, whether etcd has the new password or not, and neither does an end in between")
    func lostAnswer() async throws {
        try await withTemporaryFolder { path in
            let rig = try await Rig(path)
            let desk = rig.desk
            let id = rig.id
            let former = try #require(try rig.password)
            let (client, login) = try rig.begin()
            // Nothing was set: the former one counts, and the same successor is tried again.
            await #expect(throws: Lost.self) { try await login.renew(asked: 1) { _ in throw Lost() } }
            #expect(try rig.password == former && login.isUnsettled)
            #expect(try await rig.isAllowed(client))
            let successor = try #require(try rig.folder.etcdPasswords.next())
            await #expect(throws: Lost.self) {
                try await login.renew(asked: 1) { password in
                    #expect(password == successor)
                    try await desk.setPassword(of: id, to: password)
                    throw Lost()
                }
            }
            #expect(try rig.password == successor && !login.isUnsettled)
            #expect(try await rig.isAllowed(client))
            // The agent dies after etcd has the password, and before it knows that.
            let next = StoreAccess.randomPassword()
            try rig.folder.etcdPasswords.keepNext(next)
            try await desk.setPassword(of: id, to: next)
            let (again, restarted) = try rig.begin()
            #expect(try await !rig.isAllowed(again))
            try await restarted.settle()
            #expect(try rig.password == next && !restarted.isUnsettled)
            #expect(try await rig.isAllowed(again))
        }
    }

    @Test(
        "the authority takes only passwords that machines make, of machines that belong, and root's own is changed safely"
    )
    func authority() async throws {
        try await withTemporaryFolder { path in
            let rig = try await Rig(path)
            for weak in ["", "secret", String(repeating: " ", count: 43), StoreAccess.randomPassword() + "x"] {
                let error = await #expect(throws: AuthorityError.self) {
                    try await rig.desk.setPassword(of: rig.id, to: weak)
                }
                guard case .invalid? = error else {
                    Issue.record("'\(weak)' is taken, or refused as \(String(describing: error))")
                    continue
                }
            }
            let stranger = try #require(MachineID(String(repeating: "0b", count: 16)))
            let missing = await #expect(throws: AuthorityError.self) {
                try await rig.desk.setPassword(of: stranger, to: StoreAccess.randomPassword())
            }
            guard case .missing? = missing else {
                Issue.record("\(String(describing: missing))")
                return
            }

            #expect(try await rig.desk.changeRootPassword() == .changed)
            let password = try #require(try rig.desk.folder.etcdPassword())
            #expect(StoreAccess.isMachineMade(password))
            #expect(try await rig.access.takesRootPassword(password))
            #expect(try await !rig.access.takesRootPassword("r"))
            // It broke off after etcd had the password: what runs and what begins finds it.
            let next = StoreAccess.randomPassword()
            try rig.desk.folder.etcdPasswords.keepNext(next)
            #expect(try await rig.access.etcd.changePassword(of: "root", to: next))
            try await rig.desk.refreshRights()
            #expect(try rig.desk.folder.etcdPassword() == next)
            #expect(try rig.desk.folder.etcdPasswords.next() == nil)

            let other = try #require(ClusterName("lab-machine-x"))
            let neighbour = try StoreAccess(
                rig.server.configuration(timeout: .seconds(30)), rootPassword: next, cluster: other)
            try await neighbour.prepare()
            _ = try await neighbour.admit(stranger, isManager: false)
            guard case .kept(let why) = try await rig.desk.changeRootPassword() else {
                Issue.record("another cluster's authority is locked out")
                return
            }
            #expect(why.contains("cluster lab-machine-x"))
            #expect(try rig.desk.folder.etcdPassword() == next)
        }
    }

    @Test(
        "of two changes of root's password that overlap one is refused, and one that broke off goes on: what is kept counts"
    )
    func overlappingRootChanges() async throws {
        try await withTemporaryFolder { path in
            let rig = try await Rig(path)
            let desk = rig.desk
            // Whichever comes first stands before etcd's answer while the other one asks.
            rig.server.pause()
            let results = await withTaskGroup(of: Result<AuthorityDesk.RootPassword, AuthorityError>.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        do throws(AuthorityError) {
                            return .success(try await desk.changeRootPassword())
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                let first = await group.next()
                rig.server.resume()
                return [first, await group.next()]
            }
            guard case .failure(.conflict)?? = results.first, case .success(.changed)?? = results.last else {
                Issue.record("two at once: \(results)")
                return
            }
            let password = try #require(try desk.folder.etcdPassword())
            #expect(try desk.folder.etcdPasswords.next() == nil)
            #expect(try await rig.access.takesRootPassword(password))
            #expect(try await !rig.access.takesRootPassword("r"))

            // etcd may still get the request of a change that broke off, so there is no second password beside that one.
            let begun = StoreAccess.randomPassword()
            try desk.folder.etcdPasswords.keepNext(begun)
            #expect(try await desk.changeRootPassword() == .changed)
            #expect(try desk.folder.etcdPassword() == begun)
            #expect(try await rig.access.takesRootPassword(begun))
        }
    }

    @Test(
        "root's password is left alone where etcd asks nobody for one, and the store's own words are told of one that is down"
    )
    func noRootLogin() async throws {
        try await withTemporaryFolder { path in
            let server = try await EtcdServer.start()
            let access = try StoreAccess(
                server.configuration(timeout: .seconds(5)), rootPassword: "r", cluster: .default)
            let folder = AuthorityFolder(path: path)
            let desk = AuthorityDesk(
                folder: folder, registry: ClusterRegistry(store: access.etcd), access: access,
                etcdEndpoints: [server.endpoint])
            let open = await #expect(throws: AuthorityError.self) { try await desk.changeRootPassword() }
            guard case .conflict(let words)? = open, words.contains("cluster-manager cluster init") else {
                Issue.record("\(String(describing: open))")
                return
            }
            server.stop()
            let down = await #expect(throws: AuthorityError.self) { try await desk.changeRootPassword() }
            guard case .store? = down else {
                Issue.record("\(String(describing: down))")
                return
            }
            #expect(try folder.etcdPasswords.next() == nil && folder.etcdPassword() == nil)
        }
    }

    @Test("an agent whose login an operator has given it keeps that")
    func foreignLogin() async throws {
        let folder = MachineFolder(path: "/nowhere")
        var configuration = EtcdConfiguration(endpoints: ["http://127.0.0.1:1"])
        #expect(OwnLogin(folder: folder, user: "x", configuration: configuration, clients: []) == nil)
        (configuration.user, configuration.password) = ("x", "p")
        #expect(OwnLogin(folder: folder, user: "x", configuration: configuration, clients: []) == nil)
    }
}
