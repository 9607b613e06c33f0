// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// One run of the agent on its machine: what reaches it waits while it is frozen, and is lost when it is dead.
class HostProcess {
    let host: Host
    var world: World { host.world }
    private(set) var isAlive = true
    private(set) var isFrozen = false
    private var held: [(isTimer: Bool, action: () -> Void)] = []
    /// When all that came during the last freeze has been taken in.
    private var thawed: Int64 = 0

    init(host: Host) { self.host = host }

    func start() {}

    func kill() {
        isAlive = false
        held = []
    }

    /// The agent ends, and another run is to follow.
    func stopForRestart(_ done: @escaping () -> Void) { done() }

    /// The machine leaves the cluster.
    func leave(_ done: @escaping () -> Void) { done() }

    // MARK: Time

    /// Something reaches the process.
    func enter(isTimer: Bool = false, _ action: @escaping () -> Void) {
        guard isAlive else { return }
        if isFrozen {
            held.append((isTimer, action))
        } else if world.now < thawed {
            // What comes now stands in line behind what came during the freeze: no connection loses its order.
            world.at(thawed) { [self] in enter(isTimer: isTimer, action) }
        } else {
            action()
        }
    }

    /// A timer by the simulation's clock; the machine's own differs too little to matter for pauses.
    func after(_ span: Int64, in scope: Scope? = nil, _ action: @escaping () -> Void) {
        world.after(span) { [self] in
            enter(isTimer: true) { if scope?.isCancelled != true { action() } }
        }
    }

    /// A timer by the machine's clock.
    func wake(at moment: Moment, _ action: @escaping () -> Void) {
        world.at(host.time(of: moment)) { [self] in enter(isTimer: true, action) }
    }

    func freeze() {
        guard isAlive else { return }
        world.note { "\(host.name): agent is frozen" }
        isFrozen = true
    }

    /// What came meanwhile is taken in: in the order in which it came, or timers before or after everything else.
    func thaw() {
        guard isAlive, isFrozen else { return }
        world.note { "\(host.name): agent goes on" }
        isFrozen = false
        let order = world.random.below(3)
        let timers = held.filter(\.isTimer)
        let others = held.filter { !$0.isTimer }
        let items = order == 0 ? held : order == 1 ? timers + others : others + timers
        held = []
        var time = world.now
        for item in items {
            time += world.random.between(0, 300 * Span.microsecond)
            world.at(time) { [self] in
                guard isAlive else { return }
                if isFrozen { held.append(item) } else { item.action() }
            }
        }
        thawed = time
    }
}
