// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Unload: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop units and take them off their machines; the cluster still knows them.",
        discussion: """
            EXAMPLES:
              cluster-manager unload web.service
            """)

    @OptionGroup var arguments: UnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingDown(.unload).run(arguments.units, patience: wait.patience, in: context)
    }
}
