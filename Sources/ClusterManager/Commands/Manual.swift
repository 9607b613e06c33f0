// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials

/// `man`: the manual pages, made of what `--help` is made of.
///
/// Hidden, for it is a tool of the build; `--dump` lets it serve the project's other programs too.
struct Manual: LocalCommand {
    static let configuration = CommandConfiguration(
        commandName: "man",
        abstract: "Print a manual page of a command, as source for man(1).",
        discussion: """
            EXAMPLES:
              cluster-manager man start | man -l -
              node-agent --experimental-dump-help |
                cluster-manager man --dump /dev/stdin --section 8
            """,
        shouldDisplay: false)

    @Argument(help: ArgumentHelp("The command; none for the program.", valueName: "command"))
    var command: [String] = []

    @Option(help: ArgumentHelp("What a program prints by --experimental-dump-help.", valueName: "file"))
    var dump: String?

    @Option(help: ArgumentHelp("The section of the manual.", valueName: "number"))
    var section = 1

    @Flag(help: "Print the file names of all pages instead, and behind each its command.")
    var list = false

    func run(on console: Console) async throws {
        let text: Data
        if let dump {
            guard let data = try? Data(contentsOf: URL(filePath: dump)) else {
                throw ClusterManagerError(.usage, "cannot read \(dump)")
            }
            text = data
        } else {
            text = Data(RootCommand._dumpHelp().utf8)
        }
        let manual = try ManualSource(text, section: section)
        if list {
            for command in manual.commands {
                console.output.line(([manual.pageName(command)] + command).joined(separator: " "))
            }
        } else {
            console.output.write(try manual.page(command))
        }
    }
}
