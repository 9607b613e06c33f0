// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The machine that `ssh` and `journal` are about.
package struct RemoteTarget: Hashable, Sendable {
    package let machine: FleetMachine

    package init(_ machine: FleetMachine) { self.machine = machine }

    /// The machine that `text` means.
    ///
    /// - Throws: `ClusterManagerError.unit` when there is none, or several.
    package static func machine(_ text: String, among machines: [FleetMachine]) throws -> FleetMachine {
        try MachineChoice.find(text, among: machines, id: \.id) { [$0.name, $0.address].filter { !$0.isEmpty } }
    }

    /// The machine that has the unit, of a global one the machine named.
    ///
    /// - Throws: `ClusterManagerError.unit` when the unit is unknown, on no machine, or on several.
    package static func machine(
        of name: UnitName, on machine: String?, in fleet: any FleetService
    ) async throws -> FleetMachine {
        let unit = try await fleet.existingUnit(called: name)
        async let states = fleet.states(of: unit.name)
        let machines = try await fleet.machines()
        if let machine { return try Self.machine(machine, among: machines) }
        if unit.isGlobal {
            let places = try await states.map { FleetView.short($0.machine) }
            throw ClusterManagerError(
                .unit,
                "unit \(name) is global; choose one of its machines with --machine: \(places.joined(separator: " "))")
        }
        // A unit that was unloaded may still be stopping where it was.
        let place = if let id = unit.machine { id } else { try await states.first?.machine }
        guard let place else {
            throw ClusterManagerError(
                .unit,
                "unit \(name) is on no machine" + (unit.reason.map { ": \($0)" } ?? " (\(unit.desired.rawValue))"))
        }
        return try Self.machine(place, among: machines)
    }

    /// What fleetctl's `ssh` understands by its first word: a unit or a machine.
    ///
    /// - Throws: `ClusterManagerError.unit` when the word means neither, or both.
    package static func machine(named word: String, in fleet: any FleetService) async throws -> FleetMachine {
        let machines = try await fleet.machines()
        let byID = try? machine(word, among: machines)
        let name = try? UnitArgument(word).name()
        let unit = if let name { try await fleet.unit(called: name) } else { nil as FleetUnit? }
        switch (byID, unit) {
        case (let byID?, nil): return byID
        case (nil, let unit?): return try await machine(of: unit.name, on: nil, in: fleet)
        case (_?, _?):
            throw ClusterManagerError(.usage, "'\(word)' means a machine and a unit; say --machine or --unit")
        case (nil, nil):
            throw ClusterManagerError(
                .unit,
                "'\(word)' is neither a unit nor one machine's name, address or id of at least 4 digits;"
                    + " see 'cluster-manager list-machines'")
        }
    }

    /// The ssh that goes to this machine.
    ///
    /// - Parameters:
    ///   - settings: How ssh is to go.
    ///   - port: Of the machine's ssh server; `nil` leaves it to ssh.
    ///   - forwardsAgent: Whether the machine may use the keys of this user's agent.
    ///   - command: The words of the remote command, as a shell there is to read them; none for a login.
    /// - Returns: What to become.
    /// - Throws: `ClusterManagerError.protocolViolation` for an address that ssh would take for something else.
    package func ssh(
        _ settings: SSHSettings, port: UInt16?, forwardsAgent: Bool = false, command: [String] = []
    ) throws -> ExternalProgram {
        guard SSHHost.isHost(machine.address) else {
            throw ClusterManagerError(
                .protocolViolation, "machine \(FleetView.short(machine.id)) has no address to reach it by")
        }
        let options = settings.options(port: port) + (forwardsAgent ? ["-A"] : [])
        return ExternalProgram("ssh", options + ["--", machine.address] + command)
    }
}
