// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the store is told of this machine's units.
extension AgentCore {
    mutating func publish(at now: Moment, into directives: inout AgentDirectives) {
        guard publishing.isEmpty, publishRetry == nil, !unpublished.isEmpty else { return }
        var later: Set<UnitName> = []
        for unit in unpublished.sorted() {
            guard let state = state(of: unit), state != entries[unit]?.published else { continue }
            let isDown = state.active == "failed" || state.active == "inactive"
            // What comes up by itself again and again is down for moments; else somebody may wait for the end.
            let isFlapping = entries[unit]?.cameUp.map { now < $0 + ReportPace.calm } ?? false
            let down = isDown ? entries[unit]?.changed ?? now : nil
            guard
                isUrgent(state) || isDown && !isFlapping
                    || entries[unit]?.pace.mayReport(at: now, downSince: down) ?? true
            else {
                later.insert(unit)
                continue
            }
            directives.publish.append(state)
        }
        unpublished = later
        for state in directives.publish { publishing[state.unit] = state }
    }

    /// Whether a report answers an order, so that somebody waits for it.
    private func isUrgent(_ state: UnitState) -> Bool {
        guard let published = entries[state.unit]?.published else { return true }
        return published.acted != state.acted || published.restarts != state.restarts || published.hash != state.hash
    }

    /// What the store should hold of the unit; `nil` while this machine has no claim.
    private func state(of unit: UnitName) -> UnitState? {
        // Without order and file the unit is no longer held, and only its key is left to be deleted.
        guard let entry = entries[unit], entry.isClaimed, entry.operation != .withdrawing,
            let hash = (entry.start.map(\.outdated) ?? entry.outdated) ?? entry.file?.hash
                ?? entry.order?.assignment.hash
        else { return nil }
        let acted = entry.file == nil ? .inactive : entry.start?.acted ?? entry.acted
        var state = UnitState(
            machine: machine, unit: unit, load: entry.observed?.load ?? (entry.problem == nil ? "" : "error"),
            active: entry.observed?.active ?? "", sub: entry.observed?.sub ?? "", hash: hash,
            acted: acted, restarts: entry.start?.restarts ?? entry.restarts, health: Self.health(entry),
            since: entry.observed?.since ?? 0, automaticRestarts: entry.automaticRestarts)
        guard let end = entry.heldBack else { return state }
        state.since = end.moment
        guard !end.isSuccess else { return state }
        state.active = "failed"
        state.sub = "failed"
        state.health = "failed on machine \(end.machine.short); restart it to run it again"
        return state
    }

    /// What stands against the unit: its file, the last order, or the end of its last run.
    private static func health(_ entry: Entry) -> String? {
        entry.problem ?? entry.remark ?? entry.failure
    }
}
