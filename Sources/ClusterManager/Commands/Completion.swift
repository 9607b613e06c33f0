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
        console.output.line(Self.withHelp(RootCommand.completionScript(for: kind), for: shell))
    }

    /// ArgumentParser's script with what that leaves out: the commands that may stand behind `help`.
    ///
    /// - Returns: The script as it was, where another version of ArgumentParser writes it differently.
    private static func withHelp(_ script: String, for shell: Shell) -> String {
        let groups = RootCommand.configuration.groupedSubcommands.flatMap(\.subcommands)
        let names = groups.filter { $0.configuration.shouldDisplay }.map { $0._commandName }.joined(separator: " ")
        var script = script
        switch shell {
        case .bash:
            guard let head = script.firstRange(of: "_cluster-manager_help() {"),
                let end = script[head.upperBound...].firstRange(of: "\n}\n")
            else { return script }
            let offer = """

                    if [[ "${positional_number}" -eq 1 && "${cur}" != -* ]]; then
                        COMPREPLY+=($(compgen -W '\(names)' -- "${cur}"))
                    fi
                """
            script.insert(contentsOf: offer, at: end.lowerBound)
        case .zsh:
            script = script.replacing("'*:subcommands:'", with: "'1:command:(\(names))'")
        case .fish:
            let (program, help) = ("\"cluster-manager\" -eq 1' -fa '", "\"cluster-manager help\" -eq 1' -fa '")
            let verbs = script.split(separator: "\n").filter { $0.contains(program) && !$0.contains("-fa 'help'") }
            script += "\n" + verbs.map { $0.replacing(program, with: help) }.joined(separator: "\n")
        }
        return script
    }
}
