// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// The systemd of one boot: units with processes, jobs that take their time, restarts, and the ties to the guard.
final class SystemdModel {
    enum Operation { case start, restart }

    struct Unit {
        /// The file as systemd has read it.
        var variant: UnitVariant
        /// The file that the processes were started from.
        var running: UnitVariant?
        var active = "inactive"
        var sub = "dead"
        /// Raised with every change, so that what was to follow the former state does not.
        var life = 0
        var startsAfterStop = false
        /// Raised when a start is queued or taken back, so that only the last one is carried out.
        var startNumber = 0
        var startWaiters: [(StartEnd) -> Void] = []
        var stopWaiters: [() -> Void] = []
        var isBound: Bool { !variant.isKept }
        var isDown: Bool { active == "inactive" || active == "failed" }
    }

    private unowned let host: Host
    private var world: World { host.world }
    private(set) var units: [UnitName: Unit] = [:]
    private var isGone = false
    /// Hears of every change of a unit.
    var listener: ((UnitName) -> Void)?
    /// Hears how start jobs of units that run once end; after `listener` has heard of the unit.
    var jobListener: ((UnitName, JobEnd) -> Void)?

    init(host: Host) { self.host = host }

    /// The power is cut.
    func vanish() {
        isGone = true
        listener = nil
        jobListener = nil
        for (name, unit) in units.sorted(by: { $0.key < $1.key }) where unit.running != nil {
            world.observer.processEnded(host.index, name)
        }
        units = [:]
    }

    func observation(of name: UnitName) -> Observation {
        guard let unit = units[name] else {
            return Observation(unit: name, load: "not-found", active: "inactive", sub: "dead")
        }
        return Observation(unit: name, load: "loaded", active: unit.active, sub: unit.sub)
    }

    /// Reads a unit's file, as after a link or a reload.
    func load(_ name: UnitName, _ variant: UnitVariant) {
        if units[name] == nil { units[name] = Unit(variant: variant) } else { units[name]?.variant = variant }
    }

    /// The unit's file is gone, and it is down.
    func forget(_ name: UnitName) {
        guard let unit = units[name], unit.isDown, unit.running == nil else { return }
        units[name] = nil
    }

    // MARK: Jobs

    /// Queues a start or restart, of which nothing shows until systemd gets round to it; `ended` when its job is over.
    ///
    /// - Returns: Whether systemd knows the unit.
    func queue(_ operation: Operation, _ name: UnitName, _ ended: @escaping (StartEnd) -> Void) -> Bool {
        guard let unit = units[name] else { return false }
        if operation == .start, unit.running != nil, unit.active == "active" {
            ended(.done)
            return true
        }
        units[name]?.startWaiters.append(ended)
        switch operation {
        case .start where unit.active == "deactivating", .restart where unit.running != nil:
            if unit.active != "deactivating" { beginStop(name) }
            units[name]?.startsAfterStop = true
        case .start where unit.running != nil: break
        case .start, .restart:
            let number = unit.startNumber + 1
            units[name]?.startNumber = number
            world.after(world.random.between(100 * Span.microsecond, 20 * Span.millisecond)) { [self] in
                if !isGone, units[name]?.startNumber == number { spawn(name) }
            }
        }
        return true
    }

    private func endStart(_ name: UnitName, _ end: StartEnd) {
        let waiters = units[name]?.startWaiters ?? []
        units[name]?.startWaiters = []
        for waiter in waiters { waiter(end) }
    }

    /// Queues a stop; `done` when its job ends.
    func stop(_ name: UnitName, _ done: @escaping () -> Void) {
        guard let unit = units[name] else { return done() }
        units[name]?.startsAfterStop = false
        units[name]?.startNumber += 1
        endStart(name, .cancelled)
        guard unit.running != nil || unit.active == "activating" else {
            return done()
        }
        units[name]?.stopWaiters.append(done)
        if unit.active != "deactivating" { beginStop(name) }
    }

    private func beginStop(_ name: UnitName) {
        guard let unit = units[name] else { return }
        guard let running = unit.running else {
            // Between two automatic restarts there is no process.
            return finishStop(name)
        }
        if unit.variant.isOnce { jobListener?(name, .cancelled) }
        change(name, "deactivating", "stop-sigterm")
        let life = units[name]?.life
        let behaviour = running.behaviour
        let span = behaviour.stopTimeout ?? world.random.between(Span.millisecond, 2 * behaviour.stopSpan)
        world.after(span) { [self] in
            if !isGone, units[name]?.life == life { finishStop(name) }
        }
    }

    private func finishStop(_ name: UnitName) {
        end(name)
        change(name, "inactive", "dead")
        let waiters = units[name]?.stopWaiters ?? []
        units[name]?.stopWaiters = []
        let startsAgain = units[name]?.startsAfterStop ?? false
        units[name]?.startsAfterStop = false
        for waiter in waiters { waiter() }
        if startsAgain { spawn(name) }
    }

    private func spawn(_ name: UnitName) {
        guard let unit = units[name], unit.running == nil else { return }
        guard !unit.isBound || host.guardModel.isActive else {
            world.note { "\(host.name): \(name) is not started: there is no guard" }
            if unit.active == "activating" { change(name, "failed", "failed") }
            return endStart(name, .refused("there is no guard"))
        }
        units[name]?.running = unit.variant
        world.observer.processStarted(host.index, name, unit.variant)
        change(name, "activating", "start")
        let life = units[name]?.life
        let behaviour = unit.variant.behaviour
        world.after(world.random.between(Span.millisecond, 2 * behaviour.startSpan)) { [self] in
            guard !isGone, units[name]?.life == life else { return }
            if unit.variant.isOnce { return finishWork(name, isSuccess: !behaviour.fails) }
            if behaviour.fails { return exit(name) }
            change(name, "active", "running")
            endStart(name, .done)
        }
    }

    /// Work that is done once has come to its end.
    private func finishWork(_ name: UnitName, isSuccess: Bool) {
        guard let running = units[name]?.running else { return }
        end(name)
        world.observer.workDone(name, running)
        change(name, isSuccess ? "inactive" : "failed", isSuccess ? "dead" : "failed")
        jobListener?(name, isSuccess ? .done : .failed)
        endStart(name, isSuccess ? .done : .failed("exit-code"))
    }

    /// The unit's processes end by themselves or by a signal.
    func exit(_ name: UnitName) {
        guard let unit = units[name], let running = unit.running else { return }
        if unit.active == "deactivating" { return finishStop(name) }
        if running.isOnce { return finishWork(name, isSuccess: false) }
        end(name)
        endStart(name, .failed("exit-code"))
        guard running.behaviour.restarts else { return change(name, "failed", "failed") }
        change(name, "activating", "auto-restart")
        let life = units[name]?.life
        world.after(world.random.between(80 * Span.millisecond, 200 * Span.millisecond)) { [self] in
            if !isGone, units[name]?.life == life { spawn(name) }
        }
    }

    /// SIGKILL to all processes of a unit.
    func kill(_ name: UnitName) {
        world.after(world.random.between(Span.millisecond, 5 * Span.millisecond)) { [self] in
            if !isGone { exit(name) }
        }
    }

    /// The guard is gone: units bound to it are stopped, those on its list killed.
    func guardEnded(killing list: [UnitName]) {
        for name in units.keys.sorted() where units[name]?.isBound == true {
            units[name]?.startsAfterStop = false
            units[name]?.startNumber += 1
            endStart(name, .cancelled)
            guard let unit = units[name], !unit.isDown, unit.active != "deactivating" else { continue }
            beginStop(name)
        }
        world.after(world.random.between(5 * Span.millisecond, 60 * Span.millisecond)) { [self] in
            guard !isGone else { return }
            for name in list { exit(name) }
        }
    }

    private func end(_ name: UnitName) {
        guard units[name]?.running != nil else { return }
        units[name]?.running = nil
        world.observer.processEnded(host.index, name)
    }

    private func change(_ name: UnitName, _ active: String, _ sub: String) {
        units[name]?.active = active
        units[name]?.sub = sub
        units[name]?.life += 1
        listener?(name)
    }
}
