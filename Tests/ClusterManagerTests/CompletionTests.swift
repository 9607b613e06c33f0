// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import ClusterManager

@Suite("shell completion")
struct CompletionTests {
    @Test(
        "each shell takes its script",
        arguments: [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])])
    func scripts(shell: String, check: [String]) async throws {
        let script = await Session.run("completion \(shell)").output
        #expect(script.contains("list-units"))
        try await Fixtures.withFolder(["script": script]) { folder in
            let outcome = try await Command.run(check + ["\(folder)/script"])
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        }
    }

    @Test("bash completes commands and options")
    func bash() async throws {
        let script = await Session.run("completion bash").output
        let folder = try Command.clusterManager.split(separator: "/").dropLast().reduce(into: "") { $0 += "/\($1)" }
        let probe = """
            \(script)
            PATH=\(folder):$PATH
            COMP_WORDS=(cluster-manager list-m) COMP_CWORD=1 COMP_LINE='cluster-manager list-m' COMP_POINT=22
            COMP_TYPE=9
            $(complete -p cluster-manager | sed 's/.*-F \\([^ ]*\\).*/\\1/') cluster-manager list-m cluster-manager
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let outcome = try await Command.run(["bash", "--norc", "-s"], input: probe)
        #expect(outcome.output.contains("list-machines"), "\(outcome)")
    }

    @Test("the commands are completed behind help, too")
    func help() async throws {
        let bash = await Session.run("completion bash").output
        let probe = """
            \(bash)
            COMP_WORDS=(cluster-manager help list-m) COMP_CWORD=2 COMP_LINE='cluster-manager help list-m' COMP_POINT=27
            COMP_TYPE=9
            _cluster-manager cluster-manager list-m help
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let outcome = try await Command.run(["bash", "--norc", "-s"], input: probe)
        #expect(outcome.output == "list-machines\n", "\(outcome)")
        let zsh = await Session.run("completion zsh").output
        #expect(zsh.contains("'1:command:(submit load start "))
        let fish = await Session.run("completion fish").output
        try await Fixtures.withFolder(["script": fish]) { folder in
            let asked = "source \(folder)/script; complete -C 'cluster-manager help list-m'"
            let outcome = try await Command.run(["fish", "--no-config", "-c", asked])
            #expect(outcome.output.hasPrefix("list-machines\t"), "\(outcome)")
        }
    }

    @Test(
        "the columns of a command's table are completed, each once",
        arguments: [
            ("list-units", "un", ["unit"]), ("list-units", "unit,su", ["unit,sub"]), ("list-units", "sub,su", []),
            ("audit", "ref", ["refused"]),
        ])
    func fields(command: String, prefix: String, expected: [String]) async {
        let words = ["cluster-manager", command, "--fields", prefix]
        #expect(await UnitCompletion.fields(words, 3, prefix) == expected)
    }

    @Test("a shell that is not known is a mistake")
    func unknown() async {
        let session = await Session.run("completion tcsh")
        #expect(session.status == .failure && session.errors.count { $0 == "\n" } == 1)
    }
}
