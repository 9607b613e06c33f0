// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import Glibc

struct Destroy: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop units wherever they run and make the cluster forget them.",
        discussion: """
            A pattern that means several units asks first where a person is there to be asked; --yes says it beforehand.

            EXAMPLES:
              cluster-manager destroy web.service
              cluster-manager destroy --dry-run 'celix@*'
              cluster-manager destroy --yes 'celix@*'
            """)

    @OptionGroup var arguments: UnitArguments
    @Flag(name: .customLong("dry-run"), help: "Only say which units would be destroyed.") var dryRun = false
    @Flag(help: "Do not ask whether a pattern is meant.") var yes = false
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        // What is shown and asked for is what is destroyed.
        let units = try await BringingDown(.destroy).units(arguments.units, in: context)
        if dryRun { return try Self.tell(units.map(\.name), context) }
        let hasPattern = arguments.units.contains { UnitArgument($0).isPattern }
        if hasPattern, !yes, units.count > 1, isatty(STDIN_FILENO) == 1 {
            try Self.confirm(units.map(\.name), context.console)
        }
        try await BringingDown(.destroy).run(units, patience: wait.patience, in: context)
    }

    private static func tell(_ names: [UnitName], _ context: CommandContext) throws {
        switch context.format {
        case .json: context.console.output.write(try JSONOutput.text(["wouldDestroy": names.map(\.rawValue)]))
        case .table: for name in names { context.console.output.line("would destroy \(name)") }
        }
    }

    private static func confirm(_ names: [UnitName], _ console: Console) throws {
        for name in names { console.errors.line("  \(name)") }
        console.errors.write("destroy these \(names.count) units? [y/N] ")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            throw ClusterManagerError(.refused, "nothing was done")
        }
    }
}
