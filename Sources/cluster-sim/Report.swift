// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Simulation
import Terminal

/// What runs and searches print.
enum Report {
    static func show(_ line: String) { OutputSink.results.line(line) }

    static func text(_ outcome: Simulation.Outcome, _ plan: Plan) -> String {
        let setting = plan.setting
        var lines = [
            "seed \(setting.seed): \(setting.profile.rawValue), \(setting.hosts) machines, \(setting.members) members of "
                + "etcd, \(plan.events.count) operations and faults, \(outcome.events) events, hash "
                + String(outcome.hash, radix: 16)
        ]
        if let recovery = outcome.recovery { lines.append("at rest \(seconds(recovery)) after the last fault") }
        if let takeover = outcome.takeover {
            lines.append("units of the lost machine ran elsewhere after \(seconds(takeover))")
        }
        if let violation = outcome.violation {
            lines.append("BROKEN \(violation.rule.rawValue) at \(seconds(violation.time)): \(violation.text)")
        } else {
            lines.append("every rule held")
        }
        return lines.joined(separator: "\n")
    }

    static func text(_ event: PlannedEvent) -> String { "plan \(seconds(event.time)): \(event.cause)" }

    /// With three places.
    static func seconds(_ nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest + " s"
    }
}
