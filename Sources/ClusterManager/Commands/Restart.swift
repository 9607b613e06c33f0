// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Restart: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop and start units on the machines that they are on.",
        discussion: """
            EXAMPLES:
              cluster-manager restart web.service
            """)

    @OptionGroup var arguments: UnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingDown(.restart).run(arguments.units, patience: wait.patience, in: context)
    }
}
