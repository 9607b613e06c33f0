// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct IsFailed: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "is-failed",
        abstract: "Tell whether units have failed, as systemctl does.",
        discussion: """
            Prints systemd's word for each unit: active, inactive, failed, activating and so on. A unit that runs on several \
            machines has failed when it has on one of them.

            The exit status is systemctl's: 0 when at least one unit has failed, 1 when none has, also when a pattern fits \
            none, 4 when the cluster knows no unit of these names. It is 2 when the cluster does not answer, and 1 also when \
            the arguments are wrong.

            EXAMPLES:
              cluster-manager is-failed web.service
              cluster-manager is-failed --quiet '*' && echo trouble
            """)

    static let statusWithoutAnswer: ExitStatus? = .incomplete

    @OptionGroup var arguments: UnitArguments
    @OptionGroup var volume: QuestionOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await UnitQuestion.isFailed.run(arguments.units, isQuiet: volume.quiet, in: context)
    }
}
