// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct ListMachines: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "list-machines",
        abstract: "List the machines that are alive.",
        discussion: """
            Columns: \(MachineRow.columns.map(\.field).joined(separator: ", ")).

            EXAMPLES:
              cluster-manager list-machines
              cluster-manager list-machines -l --no-legend --fields machine,ip
            """)

    @OptionGroup var list: ListOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let columns = try MachineRow.columns(for: list.fieldNames)
        let machines = try await context.fleet.machines()
        try context.render(
            machines.sorted { $0.id < $1.id }.map(MachineRow.init), columns: columns, layout: list.layout)
        context.warnOfTrouble(machines)
        await context.warnOfBrake()
    }
}
