// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Makes a failing history short: leaves out what it does not need to fail.
package enum Shrinker {
    /// - Parameters:
    ///   - plan: A plan that breaks `rule`.
    ///   - rule: The rule that is to stay broken.
    ///   - budget: How many runs it may take.
    ///   - simulation: What runs a plan.
    /// - Returns: A plan that breaks the same rule, with as few operations and faults as were found to do.
    package static func shrink(
        _ plan: Plan, rule: Violation.Rule, budget: Int = 400, by simulation: (Plan) -> Simulation
    ) -> Plan {
        var best = plan
        var left = budget
        func fails(_ events: [PlannedEvent]) -> Bool {
            left -= 1
            var smaller = best
            smaller.events = events
            return simulation(smaller).run().violation?.rule == rule
        }
        var size = max(1, best.events.count / 2)
        while left > 0 {
            var start = 0
            var isSmaller = false
            while start < best.events.count, left > 0 {
                var events = best.events
                events.removeSubrange(start..<min(start + size, events.count))
                if fails(events) {
                    best.events = events
                    isSmaller = true
                } else {
                    start += size
                }
            }
            if size == 1, !isSmaller { break }
            size = max(1, size / 2)
        }
        return best
    }
}
