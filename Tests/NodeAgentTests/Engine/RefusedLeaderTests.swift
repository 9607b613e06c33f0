// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Synchronization
import TestSupport
import Testing
import Timing

@testable import Agent
@testable import NodeAgent

/// What becomes of the lead when the store refuses what the leader writes.
@Suite("a leader whose writes are refused", .timeLimit(.minutes(2)))
struct RefusedLeaderTests {
    private let web = UnitName(unchecked: "web.service")

    /// What a leader asked of others, and what it said.
    private final class Asked: Sendable {
        private let state = Mutex((peers: 0, leaves: 0, words: [String]()))

        var peers: Int { state.withLock { $0.peers } }
        var leaves: Int { state.withLock { $0.leaves } }
        var words: [String] { state.withLock { $0.words } }

        // `answer` is what the peers do about it: whether one ended the lead.
        func handover(_ answer: @escaping @Sendable (Leadership) async -> Bool) -> LeadHandover {
            LeadHandover(
                askPeers: { leadership in
                    self.state.withLock { $0.peers += 1 }
                    return await answer(leadership)
                }, leave: { self.state.withLock { $0.leaves += 1 } },
                status: { text in self.state.withLock { $0.words.append(text) } })
        }
    }

    private func run(_ shell: EngineShell, _ body: (Task<EngineShell.End, Never>) async throws -> Void) async throws {
        let task = Task { await shell.run() }
        defer { task.cancel() }
        try await body(task)
        task.cancel()
        _ = await task.value
    }

    @Test(
        "a store that takes no writes of anybody leaves the lead where it is, and decisions go on when it does",
        arguments: [EtcdError.Code.noSpace, .noLeader, .corrupt])
    func keptLead(code: EtcdError.Code) async throws {
        let store = RefusingStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, firstPause: .milliseconds(1))
        let cluster = try await EngineCluster(registry, machines: 2)
        let leadership = try await cluster.lead()
        try await registry.createUnit(web, file: .service("1"), target: .launched)
        let asked = Asked()
        await store.refusals.begin(code)
        let shell = EngineShell(
            registry: registry, leadership: leadership, lossWindow: .zero,
            handover: asked.handover { _ in false }, clockwork: MachineClockwork(), logger: .silent)
        try await run(shell) { _ in
            try await until("two refusals, with a fresh reading between them") { await store.refusals.count >= 2 }
            #expect(try await registry.currentLeader() == leadership)
            #expect(asked.words.count == 1 && asked.words[0].hasPrefix("leads, but the store takes no writes: "))
            await store.refusals.end()
            try await until("the unit is placed") { try await cluster.assignments().count == 1 }
            try await until("it says that all is well") { asked.words.last == "in the cluster" }
            #expect(try await registry.currentLeader() == leadership, "in the same epoch")
        }
        #expect(asked.peers == 0 && asked.leaves == 0)
    }

    @Test("one batch without an answer puts all that were refused beside it in doubt, and the lead ends")
    func doubt() async throws {
        let store = RefusingStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, firstPause: .milliseconds(1))
        let cluster = try await EngineCluster(registry, machines: 1)
        let leadership = try await cluster.lead()
        await store.refusals.begin(.noSpace)
        await store.refusals.loseTheRest()
        let file = try UnitFile.service("1")
        let steps = (0..<300).map { number in
            let unit = UnitName(unchecked: "u\(number).service")
            let machine = cluster.machines[0].id
            let assignment = Assignment(machine: machine, unit: unit, hash: file.hash, target: .launched)
            return ScheduleStep(unit: unit, changes: [.assign(assignment)], reason: "test")
        }
        let error = try await #require(throws: RegistryError.self) {
            _ = try await registry.commit(steps, as: leadership)
        }
        #expect(error.mayHaveHappened)
    }

    @Test(
        "a leader that etcd keeps out has a peer end its lead, whatever the kind of etcd and the reason",
        arguments: EtcdVariety.all, [false, true])
    func keptOut(variety: EtcdVariety, hasUser: Bool) async throws {
        let rig = try await SecuredEtcd(variety)
        let cluster = try await EngineCluster(rig.registry("root"), machines: 2)
        let registry = try rig.registry("leader")
        let leadership = try await cluster.lead()
        let asked = Asked()
        let peer = try rig.registry("root")
        let shell = EngineShell(
            registry: registry, leadership: leadership, lossWindow: .seconds(3_600),
            handover: asked.handover { leadership in (try? await peer.resign(leadership)) != nil },
            clockwork: MachineClockwork(), logger: .silent)
        try await run(shell) { task in
            try await peer.createUnit(web, file: .service("1"), target: .launched)
            try await until("it leads") { try await cluster.assignments().count == 1 }
            if hasUser {
                #expect(try await rig.root.revokeRole("managing", from: "leader"))
            } else {
                #expect(try await rig.root.deleteUser("leader"))
            }
            // Its watch stands, so it hears of this and has to write.
            try await peer.createUnit(UnitName(unchecked: "db.service"), file: .service("2"), target: .launched)
            #expect(await task.value == .deposed)
        }
        #expect(try await peer.currentLeader() == nil)
        #expect(asked.peers == 1 && asked.leaves == 0)
        #expect(asked.words.count == 2 && asked.words[0].hasPrefix("gives the lead up: "), "\(asked.words)")
        #expect(asked.words.last?.hasPrefix("in the cluster; gave the lead up: ") == true, "\(asked.words)")
    }

    @Test(
        "who gave way says so when it sees the lead's end first, and no longer when the store takes its writes",
        arguments: [false, true])
    func statusOfWhoGaveWay(hasSuccessor: Bool) async throws {
        let store = RefusingStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, firstPause: .milliseconds(1))
        let peer = ClusterRegistry(store: store.store, firstPause: .milliseconds(1))
        let cluster = try await EngineCluster(peer, machines: 2)
        let asked = Asked()
        let handover = asked.handover { leadership in
            guard (try? await peer.resign(leadership)) != nil else { return false }
            if hasSuccessor { _ = try? await cluster.lead(1) }
            // The election sees it, and its cancelling ends this.
            try? await Task.sleep(for: .seconds(3_600))
            return true
        }
        let (machine, tenure) = cluster.machines[0]
        let shell = ElectionShell(
            registry: registry, machine: machine, lossWindow: .seconds(3_600), handover: handover,
            mendingInterval: .milliseconds(10), clockwork: MachineClockwork(), logger: .silent)
        let task = Task { await shell.run() }
        await shell.sessionEntered(tenure.lease)
        try await until("it leads") { await shell.isLeading }
        await store.refusals.begin(.permissionDenied)
        try await peer.createUnit(web, file: .service("1"), target: .launched)
        try await until("it says that it gave way") {
            asked.words.last?.hasPrefix("in the cluster; gave the lead up: ") == true
        }
        #expect(asked.words.first?.hasPrefix("gives the lead up: ") == true, "\(asked.words)")
        await store.refusals.end()
        try await until("it says that all is well") { asked.words.last == "in the cluster" }
        #expect(asked.peers == 1 && asked.leaves == 0)
        await shell.stop()
        await task.value
    }

    @Test("a leader that etcd keeps out, and whose lead nobody ends, ends its session")
    func nobodyToAsk() async throws {
        let store = RefusingStore(store: MemoryStore())
        let registry = ClusterRegistry(store: store, firstPause: .milliseconds(1))
        let cluster = try await EngineCluster(registry, machines: 1)
        let leadership = try await cluster.lead()
        try await registry.createUnit(web, file: .service("1"), target: .launched)
        await store.refusals.begin(.loginRefused)
        let asked = Asked()
        let shell = EngineShell(
            registry: registry, leadership: leadership, lossWindow: .zero,
            handover: asked.handover { _ in false }, clockwork: MachineClockwork(), logger: .silent)
        #expect(await shell.run() == .deposed)
        #expect(asked.peers == 1 && asked.leaves == 1)
    }
}

/// An etcd with logins on, its user root, and a user `leader` with rights to all keys.
private struct SecuredEtcd {
    let server: EtcdServer
    let root: EtcdClient
    private let cluster: ClusterName

    init(_ variety: EtcdVariety) async throws {
        server = try await EtcdServer.start(variety.options())
        cluster = try SharedEtcd.randomCluster()
        root = try Self.client(server, "root")
        try await root.addUser("root", password: "p")
        try await root.addRole("root")
        try await root.grantRole("root", to: "root")
        try await root.addRole("managing")
        try await root.grant(EtcdPermission(.readWrite, .prefix("")), to: "managing")
        try await root.addUser("leader", password: "p")
        try await root.grantRole("managing", to: "leader")
        try await root.enableAuth()
    }

    private static func client(_ server: EtcdServer, _ user: String) throws -> EtcdClient {
        var configuration = server.configuration(timeout: .seconds(30))
        (configuration.user, configuration.password) = (user, "p")
        return try EtcdClient(configuration)
    }

    func registry(_ user: String) throws -> ClusterRegistry {
        ClusterRegistry(store: try Self.client(server, user), cluster: cluster, firstPause: .milliseconds(10))
    }
}
