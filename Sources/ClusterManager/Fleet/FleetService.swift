// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What the commands ask of a cluster.
///
/// The commands run against this rather than against the HTTP client, so that their logic is tested with a cluster in
/// memory, and so that a change of the wire format touches one file.
///
/// Every method throws `ClusterManagerError`.
package protocol FleetService: Sendable {
    /// All units, sorted by name.
    func units() async throws -> [FleetUnit]
    /// One unit, or `nil` if the cluster does not know the name.
    func unit(_ name: UnitName) async throws -> FleetUnit?
    /// Makes a new unit, with its target state in the same request.
    func create(_ name: UnitName, file: UnitSource, target: TargetState) async throws
    /// Gives an existing unit another file and sets its target state in the same request.
    func replace(_ name: UnitName, file: UnitSource, target: TargetState) async throws
    func setTarget(_ target: TargetState, of name: UnitName) async throws
    /// Asks for one stop and start on the machine that runs the unit.
    func restart(_ name: UnitName) async throws
    /// Removes a unit; the answer tells whether it existed.
    func destroy(_ name: UnitName) async throws -> Bool
    /// What machines report of one unit, or of all units; sorted by unit and then by machine.
    func states(of unit: UnitName?) async throws -> [FleetUnitState]
    /// All machines that are alive, sorted by id.
    func machines() async throws -> [FleetMachine]
    /// Where a unit is and, if it is on no machine, why; `nil` if the cluster does not know the name.
    func explanation(of name: UnitName) async throws -> FleetExplanation?
    /// Sets and removes metadata of a machine, in order.
    func changeMetadata(of machine: String, _ changes: [MetadataEdit]) async throws
    /// The present state, then `synchronised`, then every change; nothing is lost in between.
    ///
    /// Of the units named, or of everything when none is named. Events of machines come with everything only.
    func events(of units: [UnitName]) async throws -> AsyncThrowingStream<FleetEvent, any Error>
    /// What the machines' journals hold of units, merged by time, in handfuls; pulled, so that nothing piles up.
    func journal(_ query: FleetJournalQuery) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error>
}

extension FleetService {
    /// The unit that has this name or, as systemctl takes it, is called so by `Alias=`; `nil` when there is none.
    package func unit(called name: UnitName) async throws -> FleetUnit? {
        if let unit = try await unit(name) { return unit }
        guard let owner = try await units().first(where: { $0.file.aliases(of: $0.name).contains(name) }) else {
            return nil
        }
        // A listing lacks the reasons.
        return try await unit(owner.name)
    }

    /// As `unit(called:)`.
    ///
    /// - Throws: `ClusterManagerError.unit` when there is none.
    package func existingUnit(called name: UnitName) async throws -> FleetUnit {
        guard let unit = try await unit(called: name) else {
            throw ClusterManagerError(.unit, "there is no unit \(name); see 'cluster-manager list-unit-files'")
        }
        return unit
    }
}
