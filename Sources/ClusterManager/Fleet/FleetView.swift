// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The cluster as this program knows it: everything at one time, kept current by events.
package struct FleetView: Sendable, Equatable {
    package private(set) var units: [UnitName: FleetUnit] = [:]
    package var states: [UnitName: [String: FleetUnitState]] = [:]
    package var machines: [String: FleetMachine] = [:]
    /// Of the files in `units`.
    private(set) var upholders = Upholders()

    package init(units: [FleetUnit] = [], states: [FleetUnitState] = [], machines: [FleetMachine] = []) {
        for unit in units { put(unit) }
        for state in states { self.states[state.name, default: [:]][state.machine] = state }
        for machine in machines { self.machines[machine.id] = machine }
    }

    /// Reads everything that commands wait for or list.
    package static func read(from fleet: any FleetService) async throws -> FleetView {
        async let units = fleet.units()
        async let states = fleet.states(of: nil)
        async let machines = fleet.machines()
        return try await FleetView(units: units, states: states, machines: machines)
    }

    /// Asks why units wait that are on no machine; listings carry no reasons, for working one out takes the engine's rules.
    package mutating func readReasons(from fleet: any FleetService) async throws {
        let globals = sortedUnits.filter { $0.isGlobal && $0.desired > .inactive && states[$0.name] == nil }
        let names = (waiting + globals).filter { $0.reason == nil }.map(\.name)
        for answer in await Concurrently.map(names, { try await fleet.unit($0) }) {
            guard let unit = try answer.get() else { continue }
            note(unit.reason, of: unit.name)
        }
    }

    /// Takes over why a unit waits.
    package mutating func note(_ reason: String?, of unit: UnitName) { units[unit]?.reason = reason }

    private mutating func put(_ unit: FleetUnit) {
        upholders.replace(units.updateValue(unit, forKey: unit.name), by: unit)
    }

    /// Takes over one change.
    package mutating func apply(_ event: FleetEvent) {
        switch event {
        case .unit(let unit): put(unit)
        case .unitGone(let name): upholders.replace(units.removeValue(forKey: name), by: nil)
        case .state(let state): states[state.name, default: [:]][state.machine] = state
        case .stateGone(let name, let machine):
            states[name]?[machine] = nil
            if states[name]?.isEmpty == true { states[name] = nil }
        case .machine(let machine): machines[machine.id] = machine
        case .machineGone(let id): machines[id] = nil
        case .synchronised: break
        }
    }

    package var sortedUnits: [FleetUnit] { units.values.sorted { $0.name < $1.name } }

    package var sortedMachines: [FleetMachine] { machines.values.sorted { $0.id < $1.id } }

    /// All reported states, by unit and then by machine.
    package var sortedStates: [FleetUnitState] {
        states.values.flatMap(\.values).sorted { ($0.name, $0.machine) < ($1.name, $1.machine) }
    }

    /// What `unit`'s machine reports of it; of several machines the one with the lowest id.
    package func state(of unit: UnitName) -> FleetUnitState? {
        guard let reported = states[unit] else { return nil }
        if let machine = units[unit]?.machine { return reported[machine] }
        return reported.values.min { $0.machine < $1.machine }
    }

    /// Units that shall be on a machine and are on none, by name.
    ///
    /// Global units have no machine of their own and never count.
    package var waiting: [FleetUnit] {
        sortedUnits.filter { $0.desired > .inactive && $0.machine == nil && !$0.isGlobal }
    }

    /// The way fleet's tables and messages name a machine: `081e2194.../172.17.8.102`.
    ///
    /// A machine that is gone, whose address nobody knows any more, is named by its id alone.
    package func label(of machine: String) -> String {
        let short = Self.short(machine)
        guard let address = machines[machine]?.address, !address.isEmpty else { return short }
        return "\(short)/\(address)"
    }

    /// As `label(of:)`, with the whole id.
    package func fullLabel(of machine: String) -> String {
        guard let address = machines[machine]?.address, !address.isEmpty else { return machine }
        return "\(machine)/\(address)"
    }

    /// The first eight characters of a machine's id and three dots.
    package static func short(_ machine: String) -> String { "\(machine.prefix(8))..." }
}
