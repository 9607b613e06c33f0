// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry
import Synchronization
import TestSupport
import Timing

@testable import Agent
@testable import NodeAgent

/// What a session told the rest of its agent.
final class SessionNotes: Sendable {
    struct Fence: Sendable {
        var kill: Moment
        var called: Moment
    }

    private struct State {
        var entered: [Tenure] = []
        var fences: [Fence] = []
        var words: [String] = []
        var holdsUnits = true
    }

    private let state = Mutex(State())

    var entered: [Tenure] { state.withLock { $0.entered } }
    var fences: [Fence] { state.withLock { $0.fences } }
    var words: [String] { state.withLock { $0.words } }
    var lastWords: String { words.last ?? "" }

    /// From now on no unit is at work that the end of the session would stop.
    func lastUnitEnds() { state.withLock { $0.holdsUnits = false } }

    var hooks: SessionShell.Hooks {
        SessionShell.Hooks(
            enter: { tenure in self.state.withLock { $0.entered.append(tenure) } },
            fence: { kill in
                let fence = Fence(kill: kill, called: MachineClockwork().now)
                self.state.withLock { $0.fences.append(fence) }
            },
            status: { text in self.state.withLock { $0.words.append(text) } },
            holdsUnits: { self.state.withLock { $0.holdsUnits } })
    }
}

/// One machine's session: what stays when its agent starts anew.
struct SessionRig: Sendable {
    let server: EtcdServer
    let cluster: ClusterName
    let machine: MachineID
    let ttl: Int
    let folder: TemporaryFolder

    init(server: EtcdServer, ttl: Int) throws {
        self.server = server
        self.ttl = ttl
        cluster = try SharedEtcd.randomCluster()
        machine = try .random()
        folder = try TemporaryFolder()
    }

    /// Another machine with the same id.
    init(cloneOf other: SessionRig) throws {
        (server, ttl, cluster, machine) = (other.server, other.ttl, other.cluster, other.machine)
        folder = try TemporaryFolder()
    }

    var file: SessionFile { SessionFile(runtimeDirectory: folder.path) }
    var saved: SavedSession { file.load(bootID: "boot", clockwork: MachineClockwork()) }
    var proof: Moment { Moment(nanoseconds: saved.proof) }

    func registry() throws -> ClusterRegistry { ClusterRegistry(store: try server.client(), cluster: cluster) }

    /// The machine's record in the store, with its revisions.
    func record() async throws -> KeyValue? {
        let registry = try registry()
        return try await registry.store.get(.key(registry.keys.machine(machine)), revision: 0).keys.first
    }

    /// Runs an agent's session while `body` does; then the agent ends as for a restart, and leaves the session alone.
    ///
    /// - Parameters:
    ///   - clockAhead: By how many seconds the machine's clock is ahead of etcd's.
    ///   - trouble: What is wrong with its settings.
    ///   - agentTrouble: What keeps it from its work before its session begins.
    ///   - user: Who it is to etcd, with the password `p`; empty where etcd asks for no logins.
    ///   - caller: What calls its peers, those that are in the store when it begins; `nil` when it has none.
    ///   - body: What happens meanwhile.
    /// - Throws: What `body` throws, with what the session said.
    func run(
        clockAhead: Int64 = 0, trouble: String = "", agentTrouble: String? = nil, user: String = "",
        caller: (any PeerCaller)? = nil,
        _ body: (SessionShell, SessionNotes) async throws -> Void
    ) async throws {
        let saved = saved
        var configuration = server.configuration()
        let clock = configuration.wallClock
        configuration.wallClock = { clock() + clockAhead }
        if !user.isEmpty { (configuration.user, configuration.password) = (user, "p") }
        configuration.expectedClusterID = saved.storeID
        configuration.expectedRevision = saved.expectedRevision
        let etcd = try EtcdClient(configuration)
        let notes = SessionNotes()
        let units = FakeUnits(searchFolder: folder.path)
        let guardControl = GuardControl(
            units: units, searchFolder: folder.path, runtimeDirectory: folder.path, executable: "/bin/true",
            isEnabled: false, logger: .silent)
        let record = MachineRecord(
            id: machine, name: "tester", address: "192.0.2.1", bootID: "boot", token: saved.token,
            trouble: trouble)
        let peers = Peers(
            registry: try registry(), machine: record.id, caller: caller,
            roster: RosterFile(runtimeDirectory: folder.path), clockwork: MachineClockwork())
        if caller != nil { await peers.look() }
        let shell = SessionShell(
            registry: ClusterRegistry(store: etcd, cluster: cluster), etcd: etcd, record: record, saved: saved,
            file: file, ttl: ttl, guardControl: guardControl, peers: peers,
            hooks: notes.hooks, clockwork: MachineClockwork(), logger: .silent)
        await shell.announce(agentTrouble: agentTrouble)
        let task = Task { await shell.run() }
        do {
            try await body(shell, notes)
        } catch {
            task.cancel()
            await task.value
            throw NeverCame(description: "\(error); the session said \(notes.words)")
        }
        task.cancel()
        await task.value
    }
}
