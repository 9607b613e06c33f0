// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Destroy: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop units wherever they run and make the cluster forget them.",
        discussion: """
            EXAMPLES:
              cluster-manager destroy web.service
              cluster-manager destroy 'celix@*'
            """)

    @OptionGroup var arguments: UnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingDown(.destroy).run(arguments.units, patience: wait.patience, in: context)
    }
}
