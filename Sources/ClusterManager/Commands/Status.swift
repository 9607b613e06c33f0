// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Status: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell where units are, how they do, and why they are not running.",
        discussion: """
            The exit status is 0 when every unit is active, else 1.

            EXAMPLES:
              cluster-manager status web.service
              cluster-manager status 'celix@*' --output json
            """)

    @OptionGroup var arguments: UnitArguments
    /// fleetctl's, which runs systemctl through ssh for this; here the API answers, so it has no effect.
    @Option(name: .customLong("ssh-port"), help: .hidden) var sshPort: UInt16?

    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await UnitStatus.run(arguments.units, in: context)
    }
}
