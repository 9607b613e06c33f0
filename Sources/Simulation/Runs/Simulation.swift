// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// One history: a plan carried out, its rules checked.
package struct Simulation: Sendable {
    package struct Outcome: Sendable {
        package var violation: Violation?
        /// Of all that happened, in order: equal for two runs of one plan, on any machine.
        package var hash: UInt64
        package var events: Int
        /// Nanoseconds from the end of the last fault to a cluster at rest; `nil` when that was not looked for.
        package var recovery: Int64?
        /// Nanoseconds from the loss of the one machine that failed to its units running elsewhere.
        package var takeover: Int64?
        package var faults: Int
        package var story: [String]
    }

    package let plan: Plan
    package let mutant: Mutant?
    /// The shells that ship run, not their mirrors.
    package let isShipped: Bool
    /// What is broken on purpose where they run.
    package let brokenPort: BrokenPort?

    package init(plan: Plan, mutant: Mutant? = nil, isShipped: Bool = false, brokenPort: BrokenPort? = nil) {
        self.plan = plan
        self.mutant = mutant
        self.isShipped = isShipped
        self.brokenPort = brokenPort
    }

    /// From the end of the last fault to a cluster at rest.
    ///
    /// A lease and a second (rule R3), and what is beyond the core: a lease that was renewed, or promoted by a new leader of
    /// etcd, just before (TTL + 1.5 s); members that come back up to a second late, elect for up to 3 s; a watch whose
    /// silence is looked at after 5 s and probed for 1 s; pauses of clients up to 5 s; a unit that takes 8 s to stop, twice.
    package static let settlingBound = 45 * Span.second
    /// R3 for a single failure: TTL + 1 s, and what a unit takes to start here.
    package static let takeoverBound = Int64(SessionShell.ttl + 1) * Span.second + 850 * Span.millisecond

    /// Carries the plan out.
    ///
    /// - Parameter isTold: Whether to keep the story, which makes a run several times slower.
    /// - Returns: What came of it, with the first rule that was broken, if any.
    package func run(isTold: Bool = false) -> Outcome {
        let world = World(
            setting: plan.setting, mutant: mutant, isShipped: isShipped, brokenPort: brokenPort, isTold: isTold)
        defer { world.retire() }
        for host in world.hosts { world.after(world.random.between(0, 300 * Span.millisecond)) { host.boot() } }
        for event in plan.events {
            world.at(event.time) { [unowned world] in
                switch event.cause {
                case .user(let operation): world.perform(operation)
                case .fault(let fault): world.inject(fault)
                }
            }
        }
        let takeover = plan.setting.profile == .singleFailure ? watchTakeover(in: world) : nil
        world.run(until: world.end)
        let recovery = plan.setting.profile == .storeLoss ? nil : settle(world)
        world.mix(world.random.next())
        return Outcome(
            violation: world.observer.violation, hash: world.story.hash, events: world.eventCount, recovery: recovery,
            takeover: takeover, faults: plan.events.count { if case .fault = $0.cause { true } else { false } },
            story: world.story.lines)
    }

    /// Waits for rest, and then for silence.
    private func settle(_ world: World) -> Int64? {
        world.note { "all faults are over" }
        var unrest: String?
        repeat {
            world.run(until: world.now + 500 * Span.millisecond)
            guard world.observer.violation == nil else { return nil }
            // In half of the histories the operator gives up those that do not come back.
            if plan.setting.seed & 32 == 0, world.now > world.end + 8 * Span.second { world.perform(.releaseBrake) }
            unrest = world.unrest()
        } while unrest != nil && world.now < world.end + Self.settlingBound
        if let unrest {
            world.observer.violate(unrest.contains("no reason") ? .r9 : .r3, "not at rest in time: \(unrest)")
            return nil
        }
        let recovery = world.now - world.end
        world.note { "at rest" }
        // Unused files are deleted within 20 s; after that nothing is written.
        world.run(until: world.now + 21 * Span.second)
        let revision = world.etcd.store.revision
        world.run(until: world.now + 11 * Span.second)
        guard world.observer.violation == nil else { return nil }
        if world.etcd.store.revision != revision {
            world.observer.violate(.r6, "\(world.etcd.store.revision - revision) writes of a cluster at rest")
        } else if let unrest = world.unrest() {
            world.observer.violate(.r5, "no longer at rest: \(unrest)")
        }
        return recovery
    }

    /// Rule R3 for the one machine that fails.
    private func watchTakeover(in world: World) -> Int64? {
        guard let failure = plan.events.first(where: { if case .fault = $0.cause { true } else { false } }) else {
            return nil
        }
        let host: Int
        var patience: Int64 = 0
        switch failure.cause {
        case .fault(.powerCut(let lost, _)), .fault(.cut(let lost, _, _, _)), .fault(.agentFrozen(let lost, _)):
            host = lost
        case .fault(.agentHindered(let lost, _)):
            host = lost
            patience = SchedulePatience.limit.nanoseconds + Span.second
        default: return nil
        }
        world.run(until: failure.time - 1)
        let lost = world.catalogue.units.indices.filter {
            world.observer.running[$0][host].map { $0.isSingle && !$0.isOnce } ?? false
        }
        if patience > 0 { world.run(until: world.now + patience - 2 * Span.second) }
        if patience > 0, let lost = lost.first(where: { world.observer.running[$0][host] == nil }) {
            world.observer.violate(
                .r7, "\(world.catalogue.units[lost]) is stopped, though its machine has not lost patience")
        }
        let start = world.now
        while world.now < start + Self.takeoverBound {
            world.run(until: world.now + 10 * Span.millisecond)
            if world.observer.violation != nil { return nil }
            if world.now > start + 20 * Span.millisecond, unplaced(lost, without: host, in: world).isEmpty {
                return world.now - start
            }
        }
        let left = unplaced(lost, without: host, in: world)
        if !left.isEmpty {
            let names = left.map { world.catalogue.units[$0].rawValue }.joined(separator: ", ")
            world.observer.violate(
                .r3, "\(world.hosts[host].name) was lost, and \(names) does not run elsewhere in time")
        }
        return nil
    }

    /// Units of a lost machine that could run elsewhere and do not.
    private func unplaced(_ units: [Int], without host: Int, in world: World) -> [Int] {
        let entries = world.etcd.store.entries
        let isGone = entries[.machine(host)] == nil
        return units.filter { unit in
            guard case .unit(let record)? = entries[.unit(unit)]?.value, record.target == .launched else {
                return false
            }
            if world.observer.running[unit].contains(where: { $0.key != host }) { return false }
            // A unit that no machine can take is out of this rule once the leader says so.
            return !(isGone && world.isWaiting(record.name))
        }
    }
}
