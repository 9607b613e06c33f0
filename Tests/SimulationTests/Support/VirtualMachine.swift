// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetCore
import Logging
import Registry
import Simulation
import Synchronization
import Testing
import Timing

/// The shells of session, election, engine and units that ship, with the registry that ships, on one machine in virtual time.
final class VirtualMachine: Sendable {
    let id: MachineID
    let store: VirtualStore
    private let clockwork: VirtualClockwork
    private let session: Agent.SessionShell
    private let election: Agent.ElectionShell
    private let notes: Notes

    /// - Parameters:
    ///   - digit: The hexadecimal digit of which its id consists.
    ///   - etcd: The store of its cluster.
    ///   - clockwork: Drives it.
    ///   - observer: Sees its units.
    /// - Throws: When the digit is none.
    init(_ digit: Character, _ etcd: VirtualEtcd, _ clockwork: VirtualClockwork, _ observer: VirtualObserver) throws {
        let id = try #require(MachineID(String(repeating: digit, count: 32)))
        let store = VirtualStore(etcd, clockwork)
        let registry = ClusterRegistry(store: store, clockwork: clockwork)
        let notes = Notes(clockwork)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let election = Agent.ElectionShell(
            registry: registry, machine: id, lossWindow: .seconds(5),
            handover: LeadHandover(askPeers: { _ in false }, leave: {}, status: { notes.tell($0) }),
            clockwork: clockwork, logger: logger)
        let systemd = VirtualSystemd(id, clockwork, observer)
        let agent = Agent.AgentShell(
            registry: registry, units: systemd, folder: systemd, processes: systemd, machine: id, guardControl: notes,
            clockwork: clockwork, logger: logger)
        let saved = SavedSession.none(bootID: "boot", clockwork: clockwork)
        session = Agent.SessionShell(
            registry: registry, etcd: store,
            record: MachineRecord(
                id: id, name: "machine-\(digit)", address: "192.0.2.1", bootID: "boot", token: saved.token),
            saved: saved, file: notes, ttl: 5, guardControl: notes,
            peers: Peers(registry: registry, machine: id, caller: nil, roster: notes, clockwork: clockwork),
            hooks: Agent.SessionShell.Hooks(
                enter: { tenure in
                    notes.tell("entered under lease \(tenure.lease)")
                    await agent.enter(tenure)
                    await election.sessionEntered(tenure.lease)
                },
                fence: { kill in
                    notes.tell("fenced")
                    await election.sessionLeft()
                    await agent.fence(kill: kill)
                },
                status: { notes.tell($0) }, holdsUnits: { await agent.holdsUnits() }),
            clockwork: clockwork, logger: logger)
        self.id = id
        self.store = store
        self.clockwork = clockwork
        self.election = election
        self.notes = notes
    }

    /// What it told, each with its time.
    var story: [String] { notes.story }

    func start() {
        clockwork.spawn { await self.session.run() }
        clockwork.spawn { await self.election.run() }
    }
}

/// What stands behind a machine's other ports: it takes down what happens, and nothing ever fails there.
private final class Notes: MachineGuard, SessionKeeper, Roster {
    private let clockwork: VirtualClockwork
    private let lines = Mutex<[String]>([])

    init(_ clockwork: VirtualClockwork) { self.clockwork = clockwork }

    var story: [String] { lines.withLock { $0 } }

    func tell(_ words: String) {
        let time = clockwork.now.nanoseconds / 1_000_000
        lines.withLock { $0.append("\(time) ms: \(words)") }
    }

    func feed(until deadline: Moment) async -> Bool { true }
    func disarm() async {}
    func list(fenced units: [UnitName], isProbe: Bool) async throws(HostError) {}
    func store(_ session: SavedSession) throws(HostError) {}
    func discard() {}
    func adopt(_ session: SavedSession) throws(HostError) -> Bool { false }
    func note(_ records: [MachineRecord]) async {}
}

/// Three such machines and their etcd.
struct VirtualCluster {
    let clockwork: VirtualClockwork
    let etcd: VirtualEtcd
    let observer = VirtualObserver()
    let machines: [VirtualMachine]

    init(seed: UInt64) throws {
        let clockwork = VirtualClockwork(seed: seed)
        let etcd = VirtualEtcd(clockwork)
        machines = try ["a", "b", "c"].map { [observer] in try VirtualMachine($0, etcd, clockwork, observer) }
        self.clockwork = clockwork
        self.etcd = etcd
        for machine in machines { machine.start() }
    }

    /// What an operator sees and does, at once and without delay.
    var registry: ClusterRegistry { ClusterRegistry(store: etcd.memory) }

    /// Which machine each unit is assigned to.
    func assignments() async throws -> [UnitName: MachineID] {
        let keys = registry.keys
        var found: [UnitName: MachineID] = [:]
        for entry in try await etcd.memory.get(keys.schedule, revision: 0).keys {
            if let placed = keys.name(of: entry.key, Records.schedule) { found[placed.unit] = placed.machine }
        }
        return found
    }

    func run(seconds: Int64) { clockwork.run(for: .seconds(seconds)) }
}
