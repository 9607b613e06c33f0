// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// The guard of one boot: a service beside the agent that dies at its deadline and takes the fenced units along.
///
/// Mirrors `GuardUnit` and `GuardProcess`: neither the agent's freeze nor its death keeps it from firing.
final class GuardModel {
    private unowned let host: Host
    private(set) var isActive = false
    /// By the machine's clock; `nil` when disarmed.
    private var deadline: Moment?
    private var alarm = 0

    /// How long a guard that was never fed lives.
    private static let initialSpan = Duration.seconds(30)

    init(host: Host) { self.host = host }

    func start() {
        isActive = true
        set(host.now + Self.initialSpan)
    }

    /// - Returns: `false` when nobody reads the FIFO.
    func feed(until moment: Moment) -> Bool {
        guard isActive else { return false }
        set(moment)
        return true
    }

    func disarm() {
        guard isActive else { return }
        set(nil)
    }

    /// Powered off with its machine.
    func vanish() {
        isActive = false
        alarm += 1
    }

    private func set(_ moment: Moment?) {
        deadline = moment
        alarm += 1
        guard let moment else { return }
        let number = alarm
        host.world.at(host.time(of: moment)) { [self] in
            if number == alarm, isActive { fire() }
        }
    }

    /// The guard dies by itself, as for want of memory; systemd does not start it again.
    func die() {
        if isActive { fire() }
    }

    private func fire() {
        isActive = false
        alarm += 1
        if host.world.isMutant(.deafGuard) { return }
        host.world.note { "\(host.name): the guard fires" }
        host.world.observer.guardFired(host.index)
        host.systemd.guardEnded(killing: host.runtime.fencedList)
    }
}
