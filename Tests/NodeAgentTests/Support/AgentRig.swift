// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Logging
import Registry
import Synchronization
import Systemd
import Timing

@testable import Agent
@testable import NodeAgent

/// One machine with its agent, a leader elsewhere that gives orders, and a systemd in memory.
final class AgentRig: Sendable {
    let registry: ClusterRegistry
    let machine: MachineID
    /// The machine's session.
    private let lease: Mutex<LeaseID>
    let leadership: Leadership
    let base: TemporaryFolder
    let units: FakeUnits

    /// `registry` is another than that of the etcd that tests share.
    init(registry given: ClusterRegistry? = nil) async throws {
        let registry: ClusterRegistry
        if let given { registry = given } else { registry = try await SharedEtcd.registry().registry }
        self.registry = registry
        machine = try .random()
        base = try TemporaryFolder()
        units = FakeUnits(searchFolder: base.path + "/system")
        lease = Mutex(try await registry.store.grantLease(ttl: 600).lease)
        let leaders = try await registry.store.grantLease(ttl: 600).lease
        leadership = try required(try await registry.campaign(machine: try .random(), lease: leaders))
    }

    /// Ends the machine's session, with all that hangs on it, and begins another.
    func beginSession() async throws {
        let former = lease.withLock { $0 }
        try await registry.store.revoke(former)
        let next = try await registry.store.grantLease(ttl: 600).lease
        lease.withLock { $0 = next }
    }

    /// An agent of this machine, as after a start of the process.
    func agent(
        hooks: AgentShell.TroubleHooks = AgentShell.TroubleHooks(), logger: Logger = .silent
    ) async throws -> AgentShell {
        let folder = UnitFolder(
            folder: base.path + "/units", searchFolder: base.path + "/system", searchPath: [base.path + "/machine"],
            dropIns: UnitDropIns(isGuarded: true, agentService: nil))
        try await folder.prepare()
        let guardControl = GuardControl(
            units: units, searchFolder: base.path + "/system", runtimeDirectory: base.path, executable: "/bin/true",
            isEnabled: false, logger: .silent)
        return AgentShell(
            registry: registry, units: units, folder: folder,
            processes: GroupProcesses(tree: ControlGroupTree(root: base.path + "/groups")), machine: machine,
            guardControl: guardControl, troubleHooks: hooks, clockwork: MachineClockwork(), logger: logger)
    }

    /// Registers the machine, anew if need be.
    func tenure() async throws -> Tenure {
        let record = MachineRecord(id: machine, name: "tester", address: "192.0.2.1", token: "token")
        let lease = lease.withLock { $0 }
        guard case .registered(let revision) = try await registry.register(record, lease: lease) else {
            throw NeverCame(description: "the machine is taken")
        }
        return Tenure(machine: machine, lease: lease, recordRevision: revision)
    }

    /// Runs an agent in a tenure while `body` does.
    func run(_ body: (AgentShell) async throws -> Void) async throws {
        let agent = try await agent()
        await agent.enter(try await tenure())
        do {
            try await body(agent)
        } catch {
            await agent.endTenure()
            throw NeverCame(
                description: "\(error); systemd was asked \(await units.calls), the store has \(try await states())")
        }
        await agent.endTenure()
    }

    // MARK: Orders

    func store(_ file: UnitFile) async throws {
        _ = try await registry.store.commit(
            Transaction(then: [.put(registry.keys.file(file.hash), Array(file.text.utf8))]))
    }

    func order(_ unit: UnitName, _ file: UnitFile, _ target: TargetState = .launched, restarts: Int = 0) async throws {
        let assignment = Assignment(
            machine: machine, unit: unit, hash: file.hash, target: target, restarts: restarts)
        try await commit(unit, .assign(assignment))
    }

    func withdraw(_ unit: UnitName) async throws { try await commit(unit, .withdraw(machine, unit)) }

    private func commit(_ unit: UnitName, _ change: ScheduleStep.Change) async throws {
        let step = ScheduleStep(unit: unit, changes: [change], reason: "test")
        let outcome = try await registry.commit([step], as: leadership)
        guard outcome.revision > 0 else { throw NeverCame(description: "the order was not written: \(outcome)") }
    }

    // MARK: What came of them

    /// The states that the store has of this machine, by unit.
    func states() async throws -> [UnitState] {
        let tenure = Tenure(machine: machine, lease: lease.withLock { $0 }, recordRevision: 0)
        return try await registry.readOwnStates(in: tenure).states
    }

    func state(_ unit: UnitName) async throws -> UnitState? { try await states().first { $0.unit == unit } }

    /// Waits until the store tells that the unit runs from `file`.
    func runs(_ unit: UnitName, _ file: UnitFile) async throws {
        try await until("\(unit) running") {
            guard let state = try await state(unit) else { return false }
            return state.active == "active" && state.acted == .launched && state.hash == file.hash
        }
    }
}
