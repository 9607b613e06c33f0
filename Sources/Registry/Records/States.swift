// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// What machines report of their units; claims of units, too (rule R1).
    package static let states = RecordKind<PlacedUnit, StateEntry>(
        "states/<machine>/<unit>", lease: .session, agents: [.readAndWrite(.own)], backup: .left,
        events: RecordEvents(
            put: { (placed, value, _) in .statePut(value.state(placed.machine, placed.unit)) },
            gone: { .stateGone($0.machine, $0.unit) }))
}

extension RegistryKeys {
    package var states: KeySelector { all(Records.states) }
    package func state(_ machine: MachineID, _ unit: UnitName) -> String {
        key(Records.states, PlacedUnit(machine, unit))
    }
    package func states(of machine: MachineID) -> KeySelector {
        .prefix("\(prefix)\(Records.states.folder)/\(machine.rawValue)/")
    }
}

/// The value of `states/<machine>/<unit>`.
package struct StateEntry: StoredRecord {
    package var load: String
    package var active: String
    package var sub: String
    package var hash: ContentHash
    package var acted: TargetState
    package var restarts: Int
    package var health: String?
    package var since: Int64
    package var automaticRestarts: Int

    package init(_ state: UnitState) {
        load = state.load
        active = state.active
        sub = state.sub
        hash = state.hash
        acted = state.acted
        restarts = state.restarts
        health = state.health
        since = state.since
        automaticRestarts = state.automaticRestarts
    }

    package init(_ object: JSONObject) throws(RecordError) {
        load = try object.text("load") ?? ""
        active = try object.text("active") ?? ""
        sub = try object.text("sub") ?? ""
        hash = try object.required("hash", "40 hexadecimal digits") { ContentHash($0) }
        acted = try object.required("acted", "inactive, loaded or launched") { TargetState(rawValue: $0) }
        restarts = try object.integer("restarts", as: Int.self) ?? 0
        health = try object.text("health")
        since = try object.integer("since", as: Int64.self) ?? 0
        automaticRestarts = try object.integer("automaticRestarts", as: Int.self) ?? 0
    }

    package func write(to object: inout JSONObject) {
        object["load"] = .string(load)
        object["active"] = .string(active)
        object["sub"] = .string(sub)
        object["hash"] = .string(hash.rawValue)
        object["acted"] = .string(acted.rawValue)
        object["restarts"] = .number(restarts)
        object["health"] = health.map { .string($0) }
        object["since"] = .number(since)
        object["automaticRestarts"] = automaticRestarts == 0 ? nil : .number(automaticRestarts)
    }

    package func state(_ machine: MachineID, _ unit: UnitName) -> UnitState {
        UnitState(
            machine: machine, unit: unit, load: load, active: active, sub: sub, hash: hash, acted: acted,
            restarts: restarts, health: health, since: since, automaticRestarts: automaticRestarts)
    }
}
