// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Terminal

/// What is known of one unit, in the manner of `systemctl status`.
package struct UnitStatus: Encodable, Sendable {
    /// What one machine reports.
    package struct Copy: Encodable, Sendable {
        package let machine: String
        package let ip: String
        package let load: String
        package let active: String
        package let sub: String
        package let hash: String
        /// Milliseconds since 1970; 0 when unknown.
        package let since: Int64
        /// What stands against the unit there, in systemd's or the machine's words.
        package let health: String?
        /// How often systemd has started the unit again by itself since it was last ordered to start.
        package let restarts: Int
    }

    package let unit: String
    package let description: String
    package let hash: String
    package let target: String
    package let global: Bool
    package let machine: String?
    package let reason: String?
    package let copies: [Copy]

    package init(_ unit: FleetUnit, in view: FleetView) {
        self.unit = unit.name.rawValue
        self.description = unit.file.description(of: unit.name)
        self.hash = unit.hash
        self.target = unit.desired.rawValue
        self.global = unit.isGlobal
        self.machine = unit.machine
        self.reason = unit.reason
        self.copies = (view.states[unit.name] ?? [:]).values.sorted { $0.machine < $1.machine }.map { state in
            Copy(
                machine: state.machine, ip: view.machines[state.machine]?.address ?? "", load: state.load,
                active: state.active, sub: state.sub, hash: state.hash, since: state.since,
                health: state.health, restarts: state.automaticRestarts)
        }
    }

    /// Whether the unit runs somewhere, and nowhere fails to.
    package var isActive: Bool { !copies.isEmpty && copies.allSatisfy { $0.active == "active" } }

    /// The lines for people.
    package func text(hasColours: Bool) -> String {
        let worst = copies.first { $0.active == "failed" } ?? copies.first
        let style = worst.flatMap { Style.ofActive($0.active) }
        let dot = style?.applied(to: "\u{25CF}", if: hasColours) ?? "\u{25CB}"
        var lines = ["\(dot) \(unit)" + (description.isEmpty ? "" : " - \(Printable.line(description))")]
        lines.append("     Target: \(target)" + (global ? " on every machine that qualifies" : ""))
        lines.append("       Hash: \(hash.prefix(7))")
        for copy in copies {
            lines.append("    Machine: " + Printable.line(MachineLabel.text(copy.machine, ip: copy.ip, full: false)))
            lines.append("     Loaded: " + Printable.line(copy.load.isEmpty ? "-" : copy.load) + fileNote(copy))
            var active = Printable.line(
                "\(copy.active.isEmpty ? "-" : copy.active) (\(copy.sub.isEmpty ? "-" : copy.sub))")
            active = Style.ofActive(copy.active)?.applied(to: active, if: hasColours) ?? active
            lines.append("     Active: \(active)" + Self.since(copy.since))
            if copy.restarts > 0 { lines.append("   Restarts: \(copy.restarts) by systemd") }
            if let health = copy.health { lines.append("     Reason: \(Printable.line(health))") }
        }
        if copies.isEmpty {
            lines.append("    Machine: " + (machine.map(FleetView.short) ?? "-"))
            lines.append("     Active: - (no machine reports this unit)")
        }
        if let reason { lines.append("     Reason: \(Printable.line(reason))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func fileNote(_ copy: Copy) -> String {
        copy.hash.isEmpty || copy.hash == hash ? "" : " (an earlier file, \(copy.hash.prefix(7)))"
    }

    private static func since(_ milliseconds: Int64) -> String {
        guard milliseconds > 0 else { return "" }
        let time = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
        return " since \(time.formatted(.iso8601))"
    }

    /// Prints the status of each unit that the arguments mean.
    ///
    /// - Throws: `ClusterManagerError.unit` when there is no such unit, and, with nothing more to say, when one is not
    ///   active.
    package static func run(_ arguments: [String], in context: CommandContext) async throws {
        let fleet = context.fleet
        let arguments = arguments.map(UnitArgument.init)
        let all = arguments.contains(where: \.isPattern) ? try await fleet.units().map(\.name) : []
        var meant: [UnitName] = []
        for argument in arguments {
            meant +=
                argument.isPattern
                ? try argument.matches(all, for: "status") { $0.isTemplate ? "is a template" : nil }
                : [try argument.name()]
        }
        var units: [FleetUnit] = []
        for answer in await Concurrently.map(meant, { try await fleet.existingUnit(called: $0) }) {
            let unit = try answer.get()
            if !units.contains(where: { $0.name == unit.name }) { units.append(unit) }
        }
        let names = units.map(\.name)
        async let machines = fleet.machines()
        let states = try await Concurrently.map(names) { try await fleet.states(of: $0) }.flatMap { try $0.get() }
        let view = try await FleetView(units: units, states: states, machines: machines)
        let statuses = units.map { UnitStatus($0, in: view) }
        switch context.format {
        case .json: context.console.output.write(try JSONOutput.text(statuses))
        case .table:
            let texts = statuses.map { $0.text(hasColours: context.console.output.hasColours) }
            context.console.output.write(texts.joined(separator: "\n"))
        }
        // As with systemctl, a unit that does not run is told by the exit status alone.
        if !statuses.allSatisfy(\.isActive) { throw ClusterManagerError(.unit, "") }
    }
}
