// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// The report of `--status`: machines, unit files, units, and units that wait for a machine.
package struct StatusReport: Encodable, Sendable {
    package let machines: [MachineRow]
    package let unitFiles: [UnitFileRow]
    package let units: [UnitRow]
    package let waiting: [WaitingRow]

    package init(_ view: FleetView) {
        machines = view.sortedMachines.map(MachineRow.init)
        unitFiles = view.sortedUnits.map { UnitFileRow($0, in: view) }
        units = view.sortedStates.map { UnitRow($0, in: view) }
        waiting = view.waiting.map(WaitingRow.init)
    }

    /// Title, table and blank line for each section, as the INAETICS guide shows them.
    ///
    /// The last section is ours and appears only when a unit waits: the guide's program left its users to wonder.
    package func text(hasColours: Bool) throws -> String {
        let layout = TableLayout(hasColours: hasColours)
        func section<Row: TableRow>(_ title: String, _ rows: [Row], _ fields: [String]? = nil) throws -> String {
            "\(title):\n" + Table(rows, columns: try Row.columns(for: fields), layout: layout).text + "\n"
        }
        return try section("Available machines", machines) + section("Submitted unit files", unitFiles)
            + section("Deployed units", units, UnitRow.fields(for: units))
            + (waiting.isEmpty ? "" : section("Units waiting for a machine", waiting))
    }
}
