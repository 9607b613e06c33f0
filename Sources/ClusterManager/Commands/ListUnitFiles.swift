// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct ListUnitFiles: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "list-unit-files",
        abstract: "List the units that the cluster knows, wanted state and machine included.",
        discussion: """
            STATE is what was last asked of systemd. A column ACTIVE comes last when a unit that was launched is down; why, \
            'list-units' and 'status' tell. A column REASON comes last when a unit waits for a machine, and says why.

            Columns: \(UnitFileRow.columns.map(\.field).joined(separator: ", ")).

            EXAMPLES:
              cluster-manager list-unit-files
              cluster-manager list-unit-files --fields unit,dstate,state,reason
              cluster-manager list-unit-files 'celix@*'
            """)

    @OptionGroup var listed: ListedUnits
    @OptionGroup var list: ListOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        _ = try UnitFileRow.columns(for: list.fieldNames)
        let filter = try await UnitFilter(units: listed.units, in: context)
        async let units = context.fleet.units()
        async let states = context.fleet.states(of: nil)
        async let machines = context.fleet.machines()
        let wanted = try await units.filter { filter.admits($0.name) }
        var view = try await FleetView(units: wanted, states: states, machines: machines)
        // Whoever has chosen columns without it is spared the questions.
        if context.format == .json || list.fieldNames?.contains("reason") ?? true {
            try await view.readReasons(from: context.fleet)
        }
        let rows = view.sortedUnits.map { UnitFileRow($0, in: view) }
        let columns = try UnitFileRow.columns(for: list.fieldNames ?? UnitFileRow.fields(for: rows))
        try context.render(rows, columns: columns, layout: list.layout, subjects: filter.subjects)
    }
}
