// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// How a unit does that is launched already, as its machines tell: whether there is something to start.
///
/// Every command that starts units asks this, for what counts is what is, not what was asked for.
package enum Standing: Hashable, Sendable {
    /// It runs, or nobody has said yet that it does not.
    case up
    /// It ended, failed, was stopped, or its machine refuses what it was told last; of a global unit, on every machine.
    case down
    /// A global unit that runs on some of the machines that have it and is down on others.
    ///
    /// Where a condition keeps it from starting it is not counted as down.
    case partlyDown(machines: Int, of: Int)
}

extension Standing {
    /// How those of `units` do that are launched and have a machine, or are global; others are left out.
    ///
    /// Whoever starts such a unit wants it tried now: the machine's own next attempt may be a minute away, and its reason old.
    ///
    /// - Throws: `ClusterManagerError`.
    package static func of(
        _ units: [FleetUnit], in fleet: any FleetService
    ) async throws -> [UnitName: Standing] {
        let launched = units.filter { $0.desired == .launched && ($0.machine != nil || $0.isGlobal) }
        guard !launched.isEmpty else { return [:] }
        let states = try await fleet.states(of: launched.count == 1 ? launched[0].name : nil)
        let told = Dictionary(grouping: states) { $0.name }
        // A machine that is gone has no part in a global unit, whatever it said last.
        let alive: Set<String> =
            launched.contains(where: \.isGlobal) ? Set(try await fleet.machines().map(\.id)) : []
        var standings: [UnitName: Standing] = [:]
        for unit in launched {
            let states = (told[unit.name] ?? []).filter { state in
                unit.isGlobal ? alive.contains(state.machine) : state.machine == unit.machine
            }
            let down = states.filter { isDown(unit, $0) }
            if !down.isEmpty, down.count == states.count {
                // Another try ends nothing that runs as it should, and a condition may be met by now.
                standings[unit.name] = .down
            } else {
                let atFault = down.count { !isSkipped($0) }
                standings[unit.name] = atFault == 0 ? .up : .partlyDown(machines: atFault, of: states.count)
            }
        }
        return standings
    }

    /// Whether a condition that is not met keeps the unit down, as its file wants it.
    private static func isSkipped(_ state: FleetUnitState) -> Bool {
        state.isDown && state.health.map { FleetUnitState.isOfCondition($0) } ?? false
    }

    /// Whether the machine says that the unit does not run as it should there.
    private static func isDown(_ unit: FleetUnit, _ state: FleetUnitState) -> Bool {
        // A machine that has said nothing of the unit yet is about to start it.
        if state.isDown { return !state.active.isEmpty || state.health != nil }
        let isBehind = state.restarts < unit.restarts || !state.hash.isEmpty && state.hash != unit.hash
        // The cluster has not asked for that stop: it ends with the unit down, and systemd has a start wait for it.
        if state.active == "deactivating" { return !isBehind }
        return isBehind && state.active == "active" && state.health.map { !FleetUnitState.isOfRun($0) } ?? false
    }
}
