// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore

/// How the cluster's state looks on the wire.
extension ClusterState {
    /// The unit as a listing shows it.
    func entity(of unit: UnitRecord) -> API.Unit {
        let file = files[unit.hash]
        var entity = API.Unit(
            name: unit.name.rawValue, options: (file?.options ?? []).map(API.UnitOption.init),
            desiredState: unit.target.rawValue, hash: file?.isCanonical ?? true ? nil : unit.hash.rawValue,
            restarts: unit.restarts)
        if isGlobal(unit) {
            // fleet's engine never places a global unit, so it stands as inactive and nowhere.
            entity.currentState = TargetState.inactive.rawValue
        } else {
            let current = current(of: unit.name)
            entity.currentState = current.state.rawValue
            entity.machineID = current.machine?.rawValue
        }
        return entity
    }

    /// The unit as one that is asked for by name is shown.
    func detailedEntity(of unit: UnitRecord) -> API.Unit {
        var entity = entity(of: unit)
        if isGlobal(unit) { entity.currentState = nil }
        if let file = files[unit.hash], !file.isCanonical {
            entity.contents = file.text
        }
        return entity
    }

    func isGlobal(_ unit: UnitRecord) -> Bool {
        files[unit.hash].map { UnitRules.isGlobal($0, of: unit.name) } ?? false
    }

    /// Every state that machines report, by unit name, then by machine.
    func stateEntities(machine: String?, unit: String?) -> [API.UnitState] {
        let names = unit.map { [UnitName(unchecked: $0)] } ?? states.keys.sorted()
        return names.flatMap { name in
            sortedStates(of: name).filter { machine == nil || $0.machine.rawValue == machine }.map(API.UnitState.init)
        }
    }
}

extension API.UnitOption {
    init(_ option: UnitOption) { self.init(section: option.section, name: option.name, value: option.value) }
}

extension API.UnitState {
    init(_ state: UnitState) {
        self.init(
            name: state.unit.rawValue, hash: state.hash.rawValue, machineID: state.machine.rawValue,
            systemdLoadState: state.load, systemdActiveState: state.active, systemdSubState: state.sub,
            since: state.since, health: state.health, acted: state.acted == .launched ? nil : state.acted.rawValue,
            restarts: state.restarts,
            automaticRestarts: state.automaticRestarts)
    }
}

extension API.Machine {
    init(_ machine: MachineRecord) {
        let capacity = machine.capacity
        self.init(
            id: machine.id.rawValue, primaryIP: machine.address, metadata: machine.metadata,
            name: machine.name.isEmpty ? nil : machine.name, version: machine.version.isEmpty ? nil : machine.version,
            capacity: capacity == .unknown
                ? nil : API.Capacity(processors: capacity.processors, memory: capacity.memory),
            apiAddress: machine.apiAddress, trouble: machine.trouble.isEmpty ? nil : machine.trouble,
            closed: machine.isClosed ? true : nil)
    }
}
