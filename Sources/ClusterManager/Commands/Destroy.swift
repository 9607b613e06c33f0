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
        let hasPattern = arguments.units.contains { UnitArgument($0).isPattern }
        if dryRun || (hasPattern && !yes && isatty(STDIN_FILENO) == 1) {
            let names = try await JournalRun.units(arguments.units, in: context.fleet)
            if dryRun { return try Self.tell(names, context) }
            if names.count > 1 { try Self.confirm(names, context.console) }
        }
        try await BringingDown(.destroy).run(arguments.units, patience: wait.patience, in: context)
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
