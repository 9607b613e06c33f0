// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

struct Load: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Place units on machines without starting them.",
        discussion: """
            Units that are new are submitted first.

            EXAMPLES:
              cluster-manager load web.service
              cluster-manager load celix@1 celix@2
            """)

    @OptionGroup var arguments: NewUnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingUp(to: .loaded, replaces: arguments.replace)
            .run(arguments.units, patience: wait.patience, in: context)
    }
}
