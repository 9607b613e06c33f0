// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore

extension CommandContext {
    /// The machine that is meant.
    ///
    /// - Parameters:
    ///   - text: As `MachineChoice` takes it.
    ///   - mayBeOff: Whether one that has joined and is off will do; where nobody says who has joined, its whole id does.
    /// - Returns: The one; of one that is off no more than id and name.
    /// - Throws: `ClusterManagerError.unit` when none is meant, or several; of one that is off and may not be, that it is.
    package func machine(_ text: String, mayBeOff: Bool = false) async throws -> FleetMachine {
        let machines = try await fleet.machines()
        do {
            return try RemoteTarget.machine(text, among: machines)
        } catch {
            if let absent = try await absentMachine(text, alive: machines) {
                if mayBeOff { return absent }
                throw Self.absence(of: absent)
            }
            guard mayBeOff, MachineID(text) != nil else { throw error }
            return FleetMachine(id: text, address: "")
        }
    }

    /// The machine that `ssh` is to go to: one that the word means, or that has the unit which it means.
    ///
    /// - Parameter word: What the user wrote.
    /// - Returns: The one.
    /// - Throws: `ClusterManagerError.unit` when the word means neither, `.usage` when both; of a machine that is off, that it is.
    package func place(_ word: String) async throws -> FleetMachine {
        do {
            return try await RemoteTarget.machine(named: word, in: fleet)
        } catch let error as ClusterManagerError where error.code == .unit {
            guard let absent = try await absentMachine(word, alive: try await fleet.machines()) else { throw error }
            throw Self.absence(of: absent)
        }
    }

    private static func absence(of machine: FleetMachine) -> ClusterManagerError {
        ClusterManagerError(
            .unit,
            "machine \(machine.label) is not in the cluster now; try again when 'cluster-manager list-machines' shows it"
        )
    }

    /// The machine that is meant among those that have joined and are off.
    ///
    /// A living machine goes before: one that was set up anew may have the name of the one that it was.
    ///
    /// - Parameters:
    ///   - text: As `MachineChoice` takes it.
    ///   - machines: Those that are alive.
    /// - Returns: Its id and its name; `nil` when none is meant, or when the API knows no identities or does not show them to this user.
    /// - Throws: `ClusterManagerError.unit` when several are meant.
    private func absentMachine(_ text: String, alive machines: [FleetMachine]) async throws -> FleetMachine? {
        let living = MachineChoice.meant(text, among: machines, id: \.id) { [$0.name, $0.address] }
        guard living.isEmpty, let client = try? client(), let members = try? await client.members() else { return nil }
        let ids = Set(machines.map(\.id))
        let away = members.filter { $0.revokedAt == nil && !ids.contains($0.id) }
        guard !MachineChoice.meant(text, among: away, id: \.id, names: { [$0.name] }).isEmpty else { return nil }
        let found = try MachineChoice.find(text, among: away, of: .members, id: \.id) { [$0.name] }
        return FleetMachine(id: found.id, address: "", name: found.name)
    }
}
