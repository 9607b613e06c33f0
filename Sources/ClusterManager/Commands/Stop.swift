// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Stop: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop units; each stays on its machine, loaded.",
        discussion: """
            EXAMPLES:
              cluster-manager stop web.service
              cluster-manager stop 'celix@*'
            """)

    @OptionGroup var arguments: UnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingDown(.stop).run(arguments.units, patience: wait.patience, in: context)
    }
}
