// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

struct Submit: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make units known to the cluster, on no machine yet.",
        discussion: """
            EXAMPLES:
              cluster-manager submit web.service
              cluster-manager submit --replace units/celix@.service
            """)

    @OptionGroup var arguments: NewUnitArguments
    /// fleetctl's, without effect since its units are no longer signed.
    @Flag(help: .hidden) var sign = false

    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        if sign { context.warn("--sign has no effect: units are not signed, neither here nor by fleet 1.0") }
        try await BringingUp(to: .inactive, replaces: arguments.replace)
            .run(arguments.units, patience: .none, in: context)
    }
}
