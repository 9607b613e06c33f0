// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

struct Start: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start units somewhere in the cluster, and see them run.",
        discussion: """
            Units that are new are submitted first. The command returns when every unit runs, or has run to its end, or \
            has failed; while no machine takes a unit it says why and goes on waiting.

            EXAMPLES:
              cluster-manager start web.service
              cluster-manager start celix@1 celix@2 --timeout 30
              cluster-manager start --replace units/web.service
              cluster-manager start --no-block 'worker@*'
            """)

    @OptionGroup var arguments: NewUnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingUp(to: .launched, replaces: arguments.replace)
            .run(arguments.units, patience: wait.patience, in: context)
    }
}
