// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Restart: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop and start units on the machines that they are on.",
        discussion: """
            A socket that is named with its service is stopped before it, and both are started when both are down, the socket \
            first.

            EXAMPLES:
              cluster-manager restart web.service
              cluster-manager restart web.service web.socket
            """)

    @OptionGroup var arguments: UnitArguments
    @OptionGroup(title: "Waiting") var wait: WaitOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await BringingDown(.restart).run(arguments.units, patience: wait.patience, in: context)
    }
}
