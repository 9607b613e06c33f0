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

/// The session's shell that ships, with the registry that ships, on one machine in virtual time.
private final class VirtualMachine: Sendable {
    private struct State {
        var story: [String] = []
        var saved: SavedSession?
    }

    let clockwork: VirtualClockwork
    let store: VirtualStore
    let session: Agent.SessionShell
    private let notes: Notes

    /// What happened, each with its time; and what the machine keeps.
    final class Notes: MachineGuard, SessionKeeper, Roster {
        private let clockwork: VirtualClockwork
        private let state = Mutex(State())

        init(_ clockwork: VirtualClockwork) { self.clockwork = clockwork }

        var story: [String] { state.withLock { $0.story } }

        func tell(_ words: String) {
            let time = clockwork.now.nanoseconds / 1_000_000 - 1_000
            state.withLock { $0.story.append("\(time) ms: \(words)") }
        }

        func feed(until deadline: Moment) async -> Bool { true }
        func disarm() async {}
        func list(fenced units: [UnitName], isProbe: Bool) async throws(HostError) {}
        func store(_ session: SavedSession) throws(HostError) { state.withLock { $0.saved = session } }
        func discard() { state.withLock { $0.saved = nil } }
        func adopt(_ session: SavedSession) throws(HostError) -> Bool { false }
        func note(_ records: [MachineRecord]) async {}
    }

    init(seed: UInt64) throws {
        let clockwork = VirtualClockwork(seed: seed)
        let store = VirtualStore(clockwork)
        let notes = Notes(clockwork)
        let registry = ClusterRegistry(store: store, clockwork: clockwork)
        let machine = try #require(MachineID(String(repeating: "a", count: 32)))
        let saved = SavedSession.none(bootID: "boot", clockwork: clockwork)
        session = Agent.SessionShell(
            registry: registry, etcd: store,
            record: MachineRecord(
                id: machine, name: "tester", address: "192.0.2.1", bootID: "boot", token: saved.token),
            saved: saved, file: notes, ttl: 5, guardControl: notes,
            peers: Peers(registry: registry, machine: machine, caller: nil, roster: notes, clockwork: clockwork),
            hooks: Agent.SessionShell.Hooks(
                enter: { notes.tell("entered under lease \($0.lease)") },
                fence: { _ in notes.tell("fenced") },
                status: { notes.tell($0) }),
            clockwork: clockwork, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        self.clockwork = clockwork
        self.store = store
        self.notes = notes
    }

    var story: [String] { notes.story }

    /// Whether the store has a record of the machine.
    var isRegistered: Bool {
        get async throws {
            try await !store.memory.get(.prefix("/flotilla/default/machines/"), revision: 0).keys.isEmpty
        }
    }

    func start() { clockwork.spawn { await self.session.run() } }

    /// A history of 40 s: the store is down from 10 s to 20 s, and silent from 30 s on.
    func live() {
        start()
        clockwork.run(for: .seconds(10))
        store.become(.refuses)
        clockwork.run(for: .seconds(10))
        store.become(.up)
        clockwork.run(for: .seconds(10))
        store.become(.silent)
        clockwork.run(for: .seconds(10))
    }
}

@Suite("The shells that ship, in virtual time") struct ShippedSessionTests {
    @Test("one seed makes one history, and another seed another", arguments: [1, 2, 3] as [UInt64])
    func determinism(seed: UInt64) throws {
        let (first, second, other) = (
            try VirtualMachine(seed: seed), try VirtualMachine(seed: seed), try VirtualMachine(seed: seed + 100)
        )
        for machine in [first, second, other] { machine.live() }
        #expect(first.story == second.story)
        #expect(first.clockwork.hash == second.clockwork.hash)
        #expect(first.clockwork.jobCount == second.clockwork.jobCount)
        #expect(first.clockwork.hash != other.clockwork.hash)
        #expect([first, second, other].allSatisfy { $0.clockwork.foreignJobs == 0 })
    }

    @Test("a session outlives a store that is down, and ends at one that is silent", arguments: 0..<20 as Range<UInt64>)
    func life(seed: UInt64) throws {
        let machine = try VirtualMachine(seed: seed)
        machine.start()
        machine.clockwork.run(for: .seconds(10))
        #expect(machine.story.count { $0.contains("entered under lease") } == 1, "\(machine.story)")
        machine.store.become(.refuses)
        machine.clockwork.run(for: .seconds(10))
        #expect(machine.story.contains { $0.contains("etcd is down or has no quorum; units go on") })
        machine.store.become(.up)
        machine.clockwork.run(for: .seconds(10))
        #expect(machine.story.last?.contains("in the cluster") == true, "\(machine.story)")
        #expect(!machine.story.contains { $0.contains("fenced") }, "\(machine.story)")
        machine.store.become(.silent)
        machine.clockwork.run(for: .seconds(5))
        #expect(machine.story.contains { $0.hasSuffix("ms: fenced") }, "\(machine.story)")
    }
}
