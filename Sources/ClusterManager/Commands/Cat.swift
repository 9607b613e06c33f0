// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

struct Cat: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the file of a unit as it was submitted.",
        discussion: """
            EXAMPLES:
              cluster-manager cat web.service
            """)

    @Argument(
        help: ArgumentHelp("Name of the unit.", valueName: "unit"), completion: .custom(UnitCompletion.names))
    var unit: String
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    private struct Document: Encodable {
        let unit: String
        let hash: String
        let text: String
    }

    func run(in context: CommandContext) async throws {
        let found = try await context.fleet.existingUnit(called: try UnitArgument(unit).name())
        switch context.format {
        case .table:
            // A program gets the very bytes; a terminal would obey some of them.
            context.console.output.deliver(found.file.text)
        case .json:
            let document = Document(unit: found.name.rawValue, hash: found.hash, text: found.file.text)
            context.console.output.write(try JSONOutput.text(document))
        }
    }
}
