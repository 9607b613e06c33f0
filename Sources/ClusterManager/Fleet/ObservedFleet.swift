// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// A cluster whose requests a `RequestObserver` tells of, in the commands' own words.
package struct ObservedFleet: FleetService {
    private let fleet: any FleetService
    private let observer: RequestObserver

    package init(_ fleet: any FleetService, _ observer: RequestObserver) {
        self.fleet = fleet
        self.observer = observer
    }

    private func told<Answer>(
        _ what: String, changing change: PendingChange? = nil, _ request: () async throws -> Answer
    ) async throws -> Answer {
        try await observer.told(what, changing: change, request)
    }

    package func units() async throws -> [FleetUnit] { try await told("list units") { try await fleet.units() } }

    package func unit(_ name: UnitName) async throws -> FleetUnit? {
        try await told("read unit \(name)") { try await fleet.unit(name) }
    }

    package func create(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        let change = PendingChange(unit: name, target.deed(isNew: true))
        try await told("create \(name) as \(target.rawValue)", changing: change) {
            try await fleet.create(name, file: file, target: target)
        }
    }

    package func replace(_ name: UnitName, file: UnitSource, target: TargetState) async throws {
        let change = PendingChange(unit: name, "was given another file")
        try await told("replace \(name) as \(target.rawValue)", changing: change) {
            try await fleet.replace(name, file: file, target: target)
        }
    }

    package func setTarget(_ target: TargetState, of name: UnitName) async throws {
        let change = PendingChange(unit: name, target.deed(isNew: false))
        try await told("set \(name) to \(target.rawValue)", changing: change) {
            try await fleet.setTarget(target, of: name)
        }
    }

    package func restart(_ name: UnitName) async throws {
        let change = PendingChange(unit: name, "was restarted")
        try await told("restart \(name)", changing: change) { try await fleet.restart(name) }
    }

    package func destroy(_ name: UnitName) async throws -> Bool {
        let change = PendingChange(unit: name, "was destroyed")
        return try await told("destroy \(name)", changing: change) { try await fleet.destroy(name) }
    }

    package func states(of unit: UnitName?) async throws -> [FleetUnitState] {
        try await told("list states" + (unit.map { " of \($0)" } ?? "")) { try await fleet.states(of: unit) }
    }

    package func machines() async throws -> [FleetMachine] {
        try await told("list machines") { try await fleet.machines() }
    }

    package func explanation(of name: UnitName) async throws -> FleetExplanation? {
        try await told("explain \(name)") { try await fleet.explanation(of: name) }
    }

    package func changeMetadata(of machine: String, _ changes: [MetadataEdit]) async throws {
        try await told("change metadata of \(machine)", changing: PendingChange(metadataOf: machine)) {
            try await fleet.changeMetadata(of: machine, changes)
        }
    }

    package func events(of units: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error> {
        try await told("follow events") { try await fleet.events(of: units) }
    }

    package func journal(
        _ query: FleetJournalQuery
    ) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error> {
        try await told("read the journal") { try await fleet.journal(query) }
    }
}

extension TargetState {
    /// What a unit is told of that was brought to this state, in the verbs that do so.
    fileprivate func deed(isNew: Bool) -> String {
        switch self {
        case .inactive: isNew ? "was submitted" : "was unloaded"
        // Both `load` and `stop` bring a unit there that the cluster has already.
        case .loaded: isNew ? "was loaded" : "was set to loaded"
        case .launched: "was started"
        }
    }
}
