// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Systemd

/// What the agent adds to the units that it runs.
struct UnitDropIns: Sendable {
    /// Whether a guard stands beside the agent.
    var isGuarded: Bool
    /// The service that the agent runs as; `nil` when it runs by hand.
    var agentService: String?

    /// The drop-in of a unit; `nil` when there is nothing to say.
    ///
    /// A unit that must not outlive the session is bound to the guard. Every unit comes after a target that comes after the agent, so
    /// that a machine that shuts down stops its units first, while the agent still holds the session, and ends the session then.
    /// Were it the agent itself, systemd would let no agent start while a unit of the former one stops (systemd.unit(5), `After=`:
    /// a stop goes before a start).
    /// A unit that refuses to be stopped by hand (`RefuseManualStop=`) lets the agent stop it: what cannot be stopped cannot be
    /// fenced either (rule R1).
    func text(of file: UnitFile, isKept: Bool) -> String? {
        var text = isGuarded && !isKept ? FenceDropIn.text() : ""
        if agentService != nil {
            if text.isEmpty { text = "[Unit]\n" }
            text += "After=\(Self.target)\n"
        }
        if file.flag(section: "Unit", name: "RefuseManualStop") == true {
            if text.isEmpty { text = "[Unit]\n" }
            text += "RefuseManualStop=no\n"
        }
        return text.isEmpty ? nil : text
    }

    /// Whether every unit that is kept, or that is not, has a drop-in.
    func isDue(isKept: Bool) -> Bool { isGuarded && !isKept || agentService != nil }

    /// What stands between the units and the agent in systemd's order.
    static let target = "flotilla-units.target"

    /// The file of that target; `nil` when the agent is no service.
    var targetText: String? {
        agentService.map { "[Unit]\nDescription=Units that the Flotilla node agent runs\nAfter=\($0)\n" }
    }
}
