// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore

/// A machine: its power, its clock, its runtime folder, and what runs on it.
final class Host {
    /// What the agent saved of its session; see `SavedSession`.
    struct SavedSession {
        var lease: SessionLease?
        var proof = Moment(nanoseconds: 0)
        var token: String
        var storeGeneration: Int?
        var mustFence = false
    }

    /// The folder below `/run`, which ends with the boot and outlives the agent.
    struct Runtime {
        var session: SavedSession
        var files: [UnitName: UnitVariant] = [:]
        /// Notes of what an agent ordered to start and has not stopped since, and from which file.
        var started: [UnitName: ContentHash] = [:]
        /// What the guard kills.
        var fencedList: [UnitName] = []
        /// What the shipped agent saved of its session; `nil` until it has.
        var saved: Agent.SavedSession?
        /// The units that systemd finds, by links of the shipped agent.
        var links: Set<UnitName> = []
    }

    unowned let world: World
    let index: Int
    let id: MachineID
    let name: String
    /// Seconds of its clock in one of the simulation.
    private let rate: Double
    private var bootTime: Int64 = 0
    private(set) var bootCount = 0
    private(set) var isOn = false
    /// How many faults keep its agent from taking stock, and so from its schedule.
    var hindrances = 0
    var runtime = Runtime(session: SavedSession(token: ""))
    private(set) lazy var systemd = SystemdModel(host: self)
    private(set) lazy var guardModel = GuardModel(host: self)
    private(set) var process: HostProcess?
    /// The run of the agent, where it consists of mirrors.
    var mirror: AgentProcess? { process as? AgentProcess }
    /// Every run of the agent: what is still on its way to a dead one finds it dead.
    private(set) var processes: [HostProcess] = []

    init(world: World, index: Int) {
        self.world = world
        self.index = index
        id = world.catalogue.machines[index]
        name = world.catalogue.name(ofHost: index)
        rate = world.clockRate()
    }

    var metadata: [String: String] { ["role": Self.role(index)] }

    /// What a machine has by itself.
    static func role(_ index: Int) -> String { index % 2 == 0 ? "web" : "db" }

    /// What the machine's own clock says: CLOCK_BOOTTIME.
    var now: Moment { Moment(nanoseconds: Span.second + Int64(Double(world.now - bootTime) * rate)) }

    /// When the machine's clock will show `moment`, by the clock of the simulation; rounded up.
    func time(of moment: Moment) -> Int64 {
        bootTime + Int64((Double(moment.nanoseconds - Span.second) / rate).rounded(.up))
    }

    // MARK: Power

    func boot() {
        guard !isOn else { return }
        isOn = true
        bootCount += 1
        bootTime = world.now
        systemd = SystemdModel(host: self)
        guardModel = GuardModel(host: self)
        runtime = Runtime(session: SavedSession(token: "\(index)-\(bootCount)"))
        world.note { "\(name): boots" }
        startAgent(after: world.random.between(10 * Span.millisecond, 200 * Span.millisecond))
    }

    func cutPower() {
        guard isOn else { return }
        world.note { "\(name): power cut" }
        isOn = false
        end()
        systemd.vanish()
        guardModel.vanish()
    }

    // MARK: Agent

    private func end() {
        process?.kill()
        process = nil
    }

    func startAgent(after span: Int64) {
        let boot = bootCount
        world.after(span) { [self] in
            guard isOn, bootCount == boot, process == nil else { return }
            world.note { "\(name): agent starts" }
            let process = world.isShipped ? ShippedProcess(host: self) : AgentProcess(host: self)
            self.process = process
            processes.append(process)
            process.start()
        }
    }

    /// The agent dies; systemd starts it again.
    func crashAgent(restartAfter span: Int64) {
        guard process != nil else { return }
        world.note { "\(name): agent dies" }
        end()
        startAgent(after: span)
    }

    /// The agent ends in order and is started again, as in an upgrade.
    func restartAgent(after span: Int64) {
        guard let process else { return }
        world.note { "\(name): agent is restarted" }
        process.stopForRestart { [self] in
            end()
            startAgent(after: span)
        }
    }

    /// The machine goes down in order and comes back.
    func shutDown(for span: Int64) {
        guard let process else { return }
        world.note { "\(name): shuts down" }
        let boot = bootCount
        process.leave { [self] in
            guard isOn, bootCount == boot else { return }
            cutPower()
            world.after(span) { [self] in self.boot() }
        }
    }

}
