// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Terminal

/// The INAETICS demonstrator.
@main
struct DemonstratorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demonstrator",
        abstract: "The application that the INAETICS units run.",
        subcommands: [ServeCommand.self])

    static func main() async { await runToEnd() }
}
