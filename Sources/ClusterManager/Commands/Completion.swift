// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Completion: LocalCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a script that completes commands, options, units and machines in a shell.",
        discussion: """
            Names of units and machines are asked of the cluster, for a second at most.

            EXAMPLES:
              cluster-manager completion bash >/etc/bash_completion.d/cluster-manager
              cluster-manager completion zsh \\
                  >/usr/local/share/zsh/site-functions/_cluster-manager
              cluster-manager completion fish \\
                  >~/.config/fish/completions/cluster-manager.fish
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash
        case zsh
        case fish
    }

    @Argument(help: ArgumentHelp("The shell.", valueName: "bash|zsh|fish"))
    var shell: Shell

    func run(on console: Console) async throws {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        console.output.line(RootCommand.completionScript(for: kind))
    }
}
