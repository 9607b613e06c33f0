// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

/// A situation of `web.service` in short: what is wanted, what was issued, where, and what systemd says.
struct WaitSituation: Sendable, CustomTestStringConvertible {
    var kind: WaitGoal.Kind
    var desired: TargetState?
    var current: TargetState = .inactive
    var placed = true
    /// Why the unit is on no machine.
    var reason: String? = "no machine"
    /// ACTIVE/SUB/LOAD; `nil` when no machine reports.
    var report: String?
    var since: Int64 = 2000
    /// `since` of the report before the command; `nil` when there was none or nothing was changed.
    var before: Int64?
    /// LOAD of the report before the command.
    var formerLoad = "loaded"
    var attention: Duration = .zero
    /// What the machine says beside systemd's states.
    var health: String?
    /// What the machine said beside systemd's states before the command.
    var formerHealth: String?
    /// Whether the machine still has the unit's former file.
    var hasFormerFile = false
    /// Whether the command has given the unit its file.
    var bringsFile = false
    /// How many restarts were asked for, and how many the machine has acted on.
    var restarts = (asked: 0, acted: 0)
    /// The unit's file; `nil` for a service that goes on and on.
    var text: String?
    var expected: WaitVerdict

    var testDescription: String {
        "\(kind) of \(desired?.rawValue ?? "unknown") unit, issued \(current.rawValue), \(report ?? "no report")"
    }

    /// What a goal of this kind makes of it.
    func verdict() throws -> WaitVerdict {
        let machine = Fixtures.machines(1)[0]
        var view = FleetView(machines: [machine])
        let unit = try Fixtures.unit("web.service", desired ?? .inactive, text: text)
        if let desired {
            var unit = unit
            unit.desired = desired
            unit.current = current
            unit.machine = placed ? machine.id : nil
            unit.reason = placed ? nil : reason
            unit.restarts = restarts.asked
            view.apply(.unit(unit))
        }
        if let report {
            let words = report.split(separator: "/").map(String.init)
            var state = Fixtures.state(
                unit, on: machine.id, words[0], words[1], load: words.count > 2 ? words[2] : "loaded", since: since)
            state.health = health
            state.restarts = restarts.acted
            if hasFormerFile { state.hash = String(repeating: "0", count: 40) }
            view.apply(.state(state))
        }
        var former = before.map {
            Fixtures.state(unit, on: machine.id, "failed", "failed", load: formerLoad, since: $0)
        }
        former?.health = formerHealth
        return WaitGoal(unit.name, kind, before: former, hash: bringsFile ? unit.hash : nil)
            .verdict(in: view, attention: attention)
    }
}
