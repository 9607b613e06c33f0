// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A line of `list-machines`.
package struct MachineRow: TableRow, Equatable {
    package static let subjects = "machines"
    package let id: String
    package let ip: String
    package let metadata: [String: String]
    package let name: String
    /// Whether an operator keeps new units off it.
    package let cordoned: Bool

    package init(_ machine: FleetMachine) {
        self.cordoned = machine.isCordoned
        self.name = machine.name
        self.id = machine.id
        self.ip = machine.address
        self.metadata = machine.metadata
    }

    package static let defaultFields = ["machine", "ip", "metadata"]
    package static let columns: [Column<MachineRow>] = [
        Column("machine") { row, full in full ? row.id : FleetView.short(row.id) },
        Column("ip") { row, _ in row.ip },
        Column("name") { row, _ in row.name },
        Column("cordoned") { row, _ in row.cordoned ? "yes" : "no" },
        Column("metadata") { row, _ in
            row.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        },
    ]
}

/// A line of `list-units`: what one machine reports of one unit.
package struct UnitRow: TableRow, Equatable {
    package static let subjects = "units on any machine"
    package let unit: String
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

    package init(_ state: FleetUnitState, in view: FleetView) {
        self.unit = state.name.rawValue
        self.machine = state.machine
        self.ip = view.machines[state.machine]?.address ?? ""
        self.load = state.load
        self.active = state.active
        self.sub = state.sub
        self.hash = state.hash
        self.since = state.since
        self.health = state.health
        self.restarts = state.automaticRestarts
    }

    package static let defaultFields = ["unit", "machine", "active", "sub"]

    /// The usual columns, and LOAD behind them where it tells what the others hide: a bad file looks as one that is off.
    static func fields(for rows: [UnitRow]) -> [String] {
        rows.allSatisfy { isLoaded($0.load) } ? defaultFields : defaultFields + ["load"]
    }

    /// Also of a unit that systemd was not asked about yet.
    private static func isLoaded(_ load: String) -> Bool { ["loaded", "", "-"].contains(load) }

    package static let columns: [Column<UnitRow>] = [
        Column("unit") { row, _ in row.unit },
        Column("machine") { row, full in MachineLabel.text(row.machine, ip: row.ip, full: full) },
        Column("load", style: { isLoaded($0) ? nil : .bad }, value: { row, _ in row.load }),
        Column("active", style: Style.ofActive) { row, _ in row.active },
        Column("sub", style: { $0 == "failed" ? .bad : nil }, value: { row, _ in row.sub }),
        Column("hash") { row, full in full ? row.hash : String(row.hash.prefix(7)) },
        Column("restarts") { row, _ in String(row.restarts) },
    ]
}

/// A line of `list-unit-files`.
package struct UnitFileRow: TableRow, Equatable {
    package static let subjects = "units"
    package let unit: String
    package let hash: String
    package let dstate: String
    /// `-` for a global unit, which has a state on each machine.
    package let state: String
    package let machine: String?
    package let ip: String
    package let global: Bool
    package let description: String
    package let reason: String?
    /// What systemd says of it where it is: of a global unit each word that some machine says, and nothing where none has it.
    package let active: String

    package init(_ unit: FleetUnit, in view: FleetView) {
        let reported = view.states[unit.name].map { Array($0.values) } ?? []
        self.active = Set(reported.map(\.active)).sorted().joined(separator: ",")
        self.unit = unit.name.rawValue
        self.hash = unit.hash
        self.dstate = unit.desired.rawValue
        self.state = unit.isGlobal ? "-" : (unit.current ?? .inactive).rawValue
        self.machine = unit.isGlobal ? nil : unit.machine
        self.ip = unit.machine.flatMap { view.machines[$0]?.address } ?? ""
        self.global = unit.isGlobal
        self.description = unit.file.description(of: unit.name)
        self.reason = unit.reason
    }

    private static func target(_ row: UnitFileRow, _ full: Bool) -> String {
        if row.global { return "global" }
        return row.machine.map { MachineLabel.text($0, ip: row.ip, full: full) } ?? ""
    }

    package static let defaultFields = ["unit", "hash", "dstate", "state", "target"]

    /// The usual columns, and behind them what these hide, where there is any: ACTIVE of what was launched and is down, REASON
    /// of what no machine takes.
    static func fields(for rows: [UnitFileRow]) -> [String] {
        defaultFields + (rows.contains(where: \.isLaunchedAndDown) ? ["active"] : [])
            + (rows.contains { $0.reason?.isEmpty == false } ? ["reason"] : [])
    }

    private var isLaunchedAndDown: Bool {
        guard dstate == TargetState.launched.rawValue, global || state == dstate else { return false }
        return active.split(separator: ",").contains { ["failed", "inactive"].contains($0) }
    }

    package static let columns: [Column<UnitFileRow>] = [
        Column("unit") { row, _ in row.unit },
        Column("hash") { row, full in full ? row.hash : String(row.hash.prefix(7)) },
        Column("dstate") { row, _ in row.dstate },
        Column("state") { row, _ in row.state },
        Column("target", value: target),
        // fleet's former name of the column.
        Column("tmachine", value: target),
        Column("global") { row, _ in String(row.global) },
        Column("active", style: Style.ofActive) { row, _ in row.active },
        Column("desc") { row, _ in row.description },
        Column("reason") { row, _ in row.reason ?? "" },
    ]
}

/// A line of the status report's last section: a unit that has no machine yet.
package struct WaitingRow: TableRow, Equatable {
    package static let subjects = "units that wait"
    package let unit: String
    package let reason: String

    package init(_ unit: FleetUnit) {
        self.unit = unit.name.rawValue
        self.reason = unit.reason ?? "the scheduler has not answered yet"
    }

    package static let defaultFields = ["unit", "reason"]
    package static let columns: [Column<WaitingRow>] = [
        Column("unit") { row, _ in row.unit },
        Column("reason") { row, _ in row.reason },
    ]
}

/// How tables name a machine.
enum MachineLabel {
    static func text(_ machine: String, ip: String, full: Bool) -> String {
        let id = full ? machine : FleetView.short(machine)
        return ip.isEmpty ? id : "\(id)/\(ip)"
    }
}
