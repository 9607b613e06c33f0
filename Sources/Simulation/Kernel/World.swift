// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Everything that one run is made of; the one place that moves time.
final class World {
    /// Nanoseconds since the run began, by nobody's clock.
    private(set) var now: Int64 = 0
    private var queue = EventQueue()
    var random: SeededGenerator
    private(set) var story: Story
    let mutant: Mutant?
    let setting: Setting
    /// The shells that ship run here, not their mirrors.
    let isShipped: Bool
    /// What is broken on purpose where they run.
    let brokenPort: BrokenPort?
    let catalogue = Catalogue.shared
    private(set) var eventCount = 0
    private(set) lazy var network = NetworkModel(world: self, hosts: setting.hosts, members: setting.members)
    private(set) lazy var peerNetwork = PeerNetworkModel(world: self)
    private(set) lazy var etcd = EtcdModel(world: self, memberCount: setting.members)
    private(set) lazy var observer = Observer(world: self)
    private(set) lazy var hosts = (0..<setting.hosts).map { Host(world: self, index: $0) }

    /// The jobs of tasks, where shells that ship run.
    private(set) lazy var jobs = JobQueue(world: self)
    /// What users' clients run on.
    private(set) lazy var users = Users(world: self)

    init(setting: Setting, mutant: Mutant?, isShipped: Bool = false, brokenPort: BrokenPort? = nil, isTold: Bool) {
        self.setting = setting
        self.mutant = mutant
        self.isShipped = isShipped
        self.brokenPort = brokenPort
        story = Story(isTold: isTold)
        random = SeededGenerator(seed: setting.seed &* 2 &+ 1)
    }

    func at(_ time: Int64, _ action: @escaping () -> Void) { queue.push(at: max(time, now), action) }

    func after(_ span: Int64, _ action: @escaping () -> Void) { queue.push(at: now + max(0, span), action) }

    /// Lets everything happen that is due up to `end`, or until a rule is broken.
    func run(until end: Int64) {
        while observer.violation == nil, let time = queue.nextTime, time <= end, let event = queue.pop() {
            now = time
            eventCount += 1
            story.mix(UInt64(time))
            event.action()
            if isShipped { jobs.run() }
        }
        if observer.violation == nil { now = max(now, end) }
    }

    /// The history is over: ends the tasks of all processes.
    func retire() {
        guard isShipped else { return }
        for host in hosts { for case let process as ShippedProcess in host.processes { process.retire() } }
        jobs.run()
    }

    func note(_ text: () -> String) { story.note(at: now, text) }

    func mix(_ number: UInt64) { story.mix(number) }

    /// Seconds of a clock in one of the simulation: up to one in a hundred off.
    func clockRate() -> Double { 1 + Double(random.between(-10_000, 10_000)) / 1_000_000 }

    func isMutant(_ one: Mutant) -> Bool { mutant == one }

    /// Half of the times on which a mutant could act, so that it does not trip over itself before it does harm.
    func isMutant(_ one: Mutant, chance part: Int, in whole: Int) -> Bool {
        mutant == one && random.chance(part, in: whole)
    }

    func hostIndex(of machine: MachineID) -> Int { catalogue.hostIndex(of: machine) }
}
