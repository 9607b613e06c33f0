// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import Testing

@testable import Agent
@testable import NodeAgent

@Suite("node-agent's command line") struct CommandLineTests {
    @Test(
        "an option that does not exist is named, with another only where that is near",
        arguments: [
            ("--bogus", "unknown option '--bogus'; see 'node-agent run --help'"),
            ("--rols", "unknown option '--rols'; did you mean '--roles'? see 'node-agent run --help'"),
            ("--quite-another", "unknown option '--quite-another'; see 'node-agent run --help'"),
        ])
    func unknown(option: String, words: String) {
        let error = #expect(throws: (any Error).self) { try NodeAgentCommand.parseAsRoot([option]) }
        #expect(error.map { NodeAgentCommand.mistake(NodeAgentCommand.message(for: $0), [option]) } == words)
    }

    @Test(
        "a command that does not exist is named, with another where that is near, and a mistake points to its command's page",
        arguments: [
            ("jion tls:10.0.0.1:49154 x", "unknown command 'jion'; did you mean 'join'? see 'node-agent --help'"),
            ("adpot", "unknown command 'adpot'; did you mean 'adopt'? see 'node-agent --help'"),
            ("adpot --runtime-directory /x", "unknown command 'adpot'; did you mean 'adopt'? see 'node-agent --help'"),
            ("nope", "unknown command 'nope'; see 'node-agent --help'"),
            ("--check nope", "unknown command 'nope'; see 'node-agent --help'"),
            ("adopt x", "unexpected argument 'x'; see 'node-agent adopt --help'"),
            ("adopt --bogus", "unknown option '--bogus'; see 'node-agent adopt --help'"),
            ("run x", "unexpected argument 'x'; see 'node-agent run --help'"),
            ("join", "missing expected argument '<endpoint>'; see 'node-agent join --help'"),
            ("guard", "missing expected argument '--fifo <fifo>'; see 'node-agent guard --help'"),
        ])
    func mistakes(line: String, words: String) {
        let arguments = line.split(separator: " ").map(String.init)
        let error = #expect(throws: (any Error).self) { try NodeAgentCommand.parseAsRoot(arguments) }
        #expect(error.map { NodeAgentCommand.mistake(NodeAgentCommand.message(for: $0), arguments) } == words)
    }

    @Test(
        "help for a command that does not exist is a mistake",
        arguments: [
            ("help", nil), ("help join", nil), ("--help", nil), ("adopt help", nil),
            ("help nope", "unknown command 'nope'; see 'node-agent --help'"),
            ("help jion", "unknown command 'jion'; did you mean 'join'? see 'node-agent --help'"),
            ("help join nope", "unknown command 'join nope'; see 'node-agent join --help'"),
        ] as [(String, String?)])
    func helpMistakes(line: String, words: String?) {
        #expect(NodeAgentCommand.mistake(inHelp: line.split(separator: " ").map(String.init)) == words)
    }

    @Test(
        "what stands beside --version and means nothing is a mistake; a command's name is none",
        arguments: [
            ("--version", nil), ("join --version", nil), ("--version run", nil),
            ("--version x", "unknown command 'x'; see 'node-agent --help'"),
            ("--version --bogus", "unknown option '--bogus'; see 'node-agent run --help'"),
            ("adopt --version x", "unexpected argument 'x'; see 'node-agent adopt --help'"),
        ] as [(String, String?)])
    func besideVersion(line: String, words: String?) async {
        let arguments = line.split(separator: " ").map(String.init)
        #expect(await NodeAgentCommand.mistake(besideVersion: arguments) == words)
    }

    @Test("the pages of all commands keep to the terminal's width, and fill it", arguments: [80, 120])
    func pages(columns: Int) {
        let commands: [any ParsableCommand.Type] = [NodeAgentCommand.self] + NodeAgentCommand.configuration.subcommands
        #expect(commands.count == 5)
        for command in commands {
            let page = NodeAgentCommand.helpMessage(for: command, includeHidden: false, columns: columns)
            let lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            #expect(lines.allSatisfy { $0.count <= columns }, "\(page)")
            // A paragraph goes on in the next line only where the first word of that has no room.
            for (line, next) in zip(lines, lines.dropFirst())
            where !line.isEmpty && !next.isEmpty && !line.hasPrefix(" ") && !next.hasPrefix(" ") {
                let word = next.prefix { $0 != " " }
                #expect(line.count + 1 + word.count >= columns, "\(line)\n\(next)")
            }
        }
    }

    @Test("the list of exit statuses stays a list on a terminal of 80 columns")
    func help() throws {
        for help in [
            NodeAgentCommand.helpMessage(includeHidden: false, columns: 80),
            JoinCommand.helpMessage(includeHidden: false, columns: 80),
        ] {
            let start = try #require(help.firstRange(of: "EXIT STATUS\n")).upperBound
            let lines = help[start...].split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
            #expect(lines.count >= 2 && lines.allSatisfy { $0.hasPrefix(" ") }, "\(lines)")
        }
    }

    @Test("that joining failed is said once")
    func join() {
        let refusal = APIError(
            code: .refused, status: 403, endpoint: "tls:10.0.0.1:49154",
            message: "cannot join the cluster: the token is not good (status 403 from tls:10.0.0.1:49154)")
        #expect(JoinCommand.words(for: refusal) == refusal.message)
        #expect(JoinCommand.words(for: HostError("no route leads there")) == "cannot join: no route leads there")
    }
}
