// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import Terminal

/// The INAETICS demonstrator.
@main
struct DemonstratorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demonstrator",
        abstract: "The application that the INAETICS units run.",
        discussion: """
            EXIT STATUS
              0  ended in order
              1  it cannot serve; the reason is on standard error
              2  the arguments were wrong and nothing was done
            """,
        version: FlotillaVersion.current,
        subcommands: [ServeCommand.self])

    static func main() async { await runToEnd(Array(CommandLine.arguments.dropFirst())) }
}
