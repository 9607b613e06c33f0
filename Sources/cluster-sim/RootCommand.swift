// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import Terminal

/// The program: runs whole clusters from one seed and looks for histories that break a rule.
@main
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster-sim",
        abstract: "Run Flotilla's cores against models of etcd, systemd and a network, and check the rules R1 to R10.",
        discussion: """
            One number replays a history exactly, on any machine. The guarantees that are checked, and what the models \
            leave out, stand in docs/design/simulation.md.

            EXAMPLES:
              cluster-sim run --seed 42 --trace
              cluster-sim search --seeds 0..9999 --jobs 2
              cluster-sim search --seeds 0..200 --mutant unguardedLeader
              cluster-sim check-record /run/flotilla-local/ground

            EXIT STATUS
              0  every rule held
              1  a rule was broken, or the command failed
              2  the arguments were wrong and nothing was done
            """,
        version: FlotillaVersion.current,
        subcommands: [RunCommand.self, SearchCommand.self, CheckRecordCommand.self])

    static func main() async { await runToEnd(Array(CommandLine.arguments.dropFirst())) }
}
