// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct ListUnits: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "list-units",
        abstract: "List what machines report of the units that they have.",
        discussion: """
            A column LOAD comes last when systemd could not load a unit, as of a bad setting. RESTARTS is how often systemd \
            has started a unit again by itself since it was last ordered to start.

            Columns: \(UnitRow.columns.map(\.field).joined(separator: ", ")).

            EXAMPLES:
              cluster-manager list-units
              cluster-manager list-units --no-legend --fields unit,active
            """)

    @OptionGroup var list: ListOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        _ = try UnitRow.columns(for: list.fieldNames)
        async let states = context.fleet.states(of: nil)
        async let machines = context.fleet.machines()
        let view = try await FleetView(states: states, machines: machines)
        let rows = view.sortedStates.map { UnitRow($0, in: view) }
        let columns = try UnitRow.columns(for: list.fieldNames ?? UnitRow.fields(for: rows))
        try context.render(rows, columns: columns, layout: list.layout)
        await context.warnOfBrake()
    }
}
