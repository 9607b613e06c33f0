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
    /// A unit that must not outlive the session is bound to the guard. Every unit comes after the agent, so that a machine
    /// that shuts down stops its units first, while the agent still holds the session, and ends the session then.
    /// A unit that refuses to be stopped by hand (`RefuseManualStop=`) lets the agent stop it: what cannot be stopped cannot be
    /// fenced either (rule R1).
    func text(of file: UnitFile, isKept: Bool) -> String? {
        var text = isGuarded && !isKept ? FenceDropIn.text() : ""
        if let agentService {
            if text.isEmpty { text = "[Unit]\n" }
            text += "After=\(agentService)\n"
        }
        if file.flag(section: "Unit", name: "RefuseManualStop") == true {
            if text.isEmpty { text = "[Unit]\n" }
            text += "RefuseManualStop=no\n"
        }
        return text.isEmpty ? nil : text
    }
}
