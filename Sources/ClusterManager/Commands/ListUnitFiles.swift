// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct ListUnitFiles: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "list-unit-files",
        abstract: "List the units that the cluster knows, wanted state and machine included.",
        discussion: """
            STATE is what was last asked of systemd; how that went, 'list-units' and 'status' tell.

            Columns: \(UnitFileRow.columns.map(\.field).joined(separator: ", ")).

            EXAMPLES:
              cluster-manager list-unit-files
              cluster-manager list-unit-files --fields unit,dstate,state,reason
            """)

    @OptionGroup var list: ListOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let columns = try UnitFileRow.columns(for: list.fieldNames)
        async let units = context.fleet.units()
        async let machines = context.fleet.machines()
        var view = try await FleetView(units: units, machines: machines)
        if context.format == .json || list.fieldNames?.contains("reason") == true {
            try await view.readReasons(from: context.fleet)
        }
        try context.render(view.sortedUnits.map { UnitFileRow($0, in: view) }, columns: columns, layout: list.layout)
    }
}
