// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Explain: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell why a unit is where it is, or why it is nowhere.",
        discussion: """
            Tests every machine by the unit's rules, as they stand now, and says how many each rule refuses. A unit that is \
            placed stays where it is for as long as it may, so what led to its place may have been otherwise.

            EXAMPLES:
              cluster-manager explain web.service
              cluster-manager explain celix@4 --output json
            """)

    @Argument(
        help: ArgumentHelp("Name of the unit.", valueName: "unit"), completion: .custom(UnitCompletion.names))
    var unit: String
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let fleet = context.fleet
        let name = try await fleet.existingUnit(called: try UnitArgument(unit).name()).name
        async let answer = fleet.explanation(of: name)
        let view = try await FleetView.read(from: fleet)
        guard let explanation = try await answer, let unit = view.units[name] else {
            throw ClusterManagerError(.unit, "there is no unit \(name); see 'cluster-manager list-unit-files'")
        }
        let report = PlacementReport(unit, explanation, in: view)
        switch context.format {
        case .json: context.console.output.write(try JSONOutput.text(report))
        case .table: context.console.output.show(report.text(in: view))
        }
    }
}
