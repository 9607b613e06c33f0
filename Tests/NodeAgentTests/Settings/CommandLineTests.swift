// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import Testing

@testable import NodeAgent

@Suite("node-agent's command line") struct CommandLineTests {
    @Test(
        "an option that does not exist is named, with another only where that is near",
        arguments: [
            ("--bogus", "unknown option '--bogus'; see 'node-agent --help'"),
            ("--rols", "unknown option '--rols'; did you mean '--roles'? see 'node-agent --help'"),
            ("--quite-another", "unknown option '--quite-another'; see 'node-agent --help'"),
        ])
    func unknown(option: String, words: String) {
        let error = #expect(throws: (any Error).self) { try NodeAgentCommand.parseAsRoot([option]) }
        #expect(error.map { NodeAgentCommand.mistake(NodeAgentCommand.message(for: $0)) } == words)
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
