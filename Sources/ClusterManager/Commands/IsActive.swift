// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct IsActive: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "is-active",
        abstract: "Tell whether units are active, as systemctl does.",
        discussion: """
            Prints systemd's word for each unit: active, inactive, failed, activating and so on. A unit that runs on several \
            machines is active when it is so on all of them.

            The exit status is systemctl's: 0 when at least one unit is active, 3 when none is, also when a pattern fits \
            none, 4 when the cluster knows no unit of these names. It is 2 when the cluster does not answer, and 1 when the \
            arguments are wrong.

            EXAMPLES:
              cluster-manager is-active web.service
              cluster-manager is-active --quiet 'celix@*' || echo down
            """)

    static let statusWithoutAnswer: ExitStatus? = .incomplete

    @OptionGroup var arguments: UnitArguments
    @OptionGroup var volume: QuestionOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await UnitQuestion.isActive.run(arguments.units, isQuiet: volume.quiet, in: context)
    }
}

/// How a command answers whose exit status is the answer.
struct QuestionOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print nothing; the exit status tells.")
    var quiet = false
}
