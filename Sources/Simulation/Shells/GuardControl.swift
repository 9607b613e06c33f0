// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Keeps the guard beside the agent; mirrors `GuardControl.swift` of the node agent.
///
/// Starting the guard takes no time here, but waits for the end of a former one as systemd does.
final class GuardControl {
    private unowned let host: Host
    /// The guard was started, or found running, and has not been found dead since.
    private var isUp = false

    init(host: Host) { self.host = host }

    /// - Returns: Whether it ran.
    func prepare() -> Bool {
        let wasUp = host.guardModel.isActive
        if !wasUp { host.guardModel.start() }
        isUp = true
        return wasUp
    }

    /// - Returns: `false` when the guard has fired since it was last fed.
    func feed(until moment: Moment) -> Bool {
        if !isUp {
            host.guardModel.start()
            isUp = true
        }
        guard host.guardModel.feed(until: moment) else {
            isUp = false
            return false
        }
        return true
    }

    func disarm() {
        guard isUp else { return }
        isUp = host.guardModel.isActive
        host.guardModel.disarm()
    }

    /// Writes down which units die with the guard.
    func list(fenced units: [UnitName]) { host.runtime.fencedList = units }
}
