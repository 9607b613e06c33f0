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

            Names, patterns, --machine and --state limit the list to what passes all of them.

            Columns: \(UnitRow.columns.map(\.field).joined(separator: ", ")).

            EXAMPLES:
              cluster-manager list-units
              cluster-manager list-units --no-legend --fields unit,active
              cluster-manager list-units --failed --machine worker-2
              cluster-manager list-units 'celix@*' --state activating,reloading
            """)

    @OptionGroup var listed: ListedUnits
    @Option(
        help: ArgumentHelp(
            "Only what is on this machine: its name, its address, or at least four digits of its id; may be given several times.",
            valueName: "machine"),
        completion: .custom(UnitCompletion.machines))
    var machine: [String] = []
    @Option(
        help: ArgumentHelp(
            "Only what has one of these words as LOAD, ACTIVE or SUB, separated by commas; may be given several times.",
            valueName: "list"),
        completion: .list([
            "active", "inactive", "failed", "activating", "deactivating", "reloading", "running", "exited",
        ]))
    var state: [String] = []
    @Flag(help: "The same as --state failed.") var failed = false
    @OptionGroup var list: ListOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        _ = try UnitRow.columns(for: list.fieldNames)
        let filter = try await UnitFilter(
            units: listed.units, machines: machine, states: state + (failed ? ["failed"] : []), in: context)
        async let states = context.fleet.states(of: nil)
        async let machines = context.fleet.machines()
        let view = try await FleetView(states: states, machines: machines)
        let rows = view.sortedStates.filter { filter.admits($0) }.map { UnitRow($0, in: view) }
        let columns = try UnitRow.columns(for: list.fieldNames ?? UnitRow.fields(for: rows))
        try context.render(rows, columns: columns, layout: list.layout, subjects: filter.subjects)
        await context.warnOfBrake()
    }
}
