// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// One event of `GET /fleet/v1/events`.
    package struct Event: Hashable, Sendable {
        package enum Change: Hashable, Sendable {
            /// A unit is new, or any of its fields has changed.
            case unit(Unit)
            case unitRemoved(name: String)
            /// A machine reports a new state of a unit.
            case state(UnitState)
            case stateRemoved(name: String, machineID: String)
            /// A machine has appeared or its record has changed.
            case machine(Machine)
            case machineRemoved(id: String)
            /// Everything before was the present state; changes follow. Sent once, at the start of each stream.
            case sync
        }

        /// The store's revision at which the change was committed.
        ///
        /// A write answered before the event `sync` of a stream is contained in what the stream says up to `sync`.
        package var revision: Int64
        package var change: Change

        package init(revision: Int64, change: Change) {
            self.revision = revision
            self.change = change
        }

        /// Every name that an event has on the wire.
        package static let names: Set<String> = ["unit", "state", "machine", "sync"]

        /// The name that the event has on the wire.
        package var name: String {
            switch change {
            case .unit, .unitRemoved: "unit"
            case .state, .stateRemoved: "state"
            case .machine, .machineRemoved: "machine"
            case .sync: "sync"
            }
        }

        /// What the event carries on the wire.
        package var data: EventData {
            switch change {
            case .unit(let unit): EventData(unit: unit)
            case .unitRemoved(let name): EventData(unit: Unit(name: name), removed: true)
            case .state(let state): EventData(state: state)
            case .stateRemoved(let name, let machine):
                EventData(state: UnitState(name: name, machineID: machine), removed: true)
            case .machine(let machine): EventData(machine: machine)
            case .machineRemoved(let id): EventData(machine: Machine(id: id), removed: true)
            case .sync: EventData()
            }
        }

        /// Puts an event together from its parts on the wire; `nil` when its name is unknown or its data do not fit.
        package init?(name: String, revision: Int64, data: EventData) {
            let removed = data.removed == true
            switch name {
            case "unit":
                guard let unit = data.unit else { return nil }
                change = removed ? .unitRemoved(name: unit.name) : .unit(unit)
            case "state":
                guard let state = data.state else { return nil }
                change = removed ? .stateRemoved(name: state.name, machineID: state.machineID) : .state(state)
            case "machine":
                guard let machine = data.machine else { return nil }
                change = removed ? .machineRemoved(id: machine.id) : .machine(machine)
            case "sync": change = .sync
            default: return nil
            }
            self.revision = revision
        }
    }

    /// The data of an event: the entity that it is about; where that was removed, only its identity.
    package struct EventData: Codable, Hashable, Sendable {
        package var unit: Unit?
        package var state: UnitState?
        package var machine: Machine?
        package var removed: Bool?

        package init(
            unit: Unit? = nil, state: UnitState? = nil, machine: Machine? = nil, removed: Bool? = nil
        ) {
            self.unit = unit
            self.state = state
            self.machine = machine
            self.removed = removed
        }
    }
}
