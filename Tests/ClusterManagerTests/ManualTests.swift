// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FoundationEssentials
import Testing

@Suite("manual pages")
struct ManualTests {
    private func manual() async throws -> ManualSource {
        let dump = await Session.run("--experimental-dump-help")
        return try ManualSource(Data(dump.output.utf8), section: 1)
    }

    @Test("every command that --help names has a page, which groff takes without a warning")
    func pages() async throws {
        let manual = try await manual()
        let help = await Session.run("--help")
        let listed = help.output.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("  "), let word = line.split(separator: " ").first, word.first?.isLowercase == true,
                line.dropFirst(2).first != " ", !line.hasPrefix("  cluster-manager")
            else { return nil }
            return String(word)
        }
        #expect(listed.count > 20)
        for name in listed { #expect(manual.commands.contains([name]), "no page for \(name)") }
        #expect(manual.commands.contains(["metadata", "set"]))
        #expect(!manual.commands.contains(["man"]))
        for command in manual.commands {
            let page = await Session.run(["man"] + command, on: FakeFleet())
            #expect(page.status == .success)
            let groff = try await Command.run(["groff", "-ww", "-man", "-Tutf8", "-P-cbou"], input: page.output)
            #expect(groff.status == 0 && groff.errors.isEmpty, "\(command): \(groff.errors)")
            for heading in ["NAME", "SYNOPSIS", "SEE ALSO"] { #expect(groff.output.contains("\n\(heading)\n")) }
        }
    }

    @Test("a page has what --help has: every option, and the examples as they stand")
    func content() async throws {
        let page = await Session.run("man journal").output
        let text = try await Command.run(["groff", "-man", "-Tutf8", "-P-cbou"], input: page).output
        for option in [
            "--lines, -n <count>", "--follow, -f, --f", "--since <time>", "--until <time>", "--ssh",
            "--endpoint <address>",
        ] {
            #expect(text.contains(option), "\(option)")
        }
        #expect(text.contains("cluster-manager journal web.service --since -1h --output cat\n"))
        #expect(page.hasPrefix(".\\\" Made from"))
    }

    @Test("another program's dump makes a page of its own section, whatever its text holds")
    func otherProgram() async throws {
        let dump = """
            {"serializationVersion": 0, "command": {"commandName": "node-agent", "abstract": "Run .this 'machine'.",
             "discussion": ".starts with a dot\\n\\nEXIT STATUS\\n  0  a\\\\b\\n", "arguments": [],
             "defaultSubcommand": "run", "subcommands": [{"commandName": "run", "superCommands": ["node-agent"], "arguments":
             [{"kind": "flag", "shouldDisplay": true, "isOptional": true, "isRepeating": false,
               "names": [{"kind": "long", "name": "check"}]}]}]}}
            """
        try await Fixtures.withFolder(["dump.json": dump]) { folder in
            let page = await Session.run("man --dump \(folder)/dump.json --section 8").output
            let groff = try await Command.run(["groff", "-ww", "-man", "-Tutf8", "-P-cbou"], input: page)
            #expect(groff.errors.isEmpty)
            #expect(groff.output.contains("node-agent - Run .this 'machine'\n"))
            #expect(groff.output.contains(".starts with a dot"))
            #expect(groff.output.contains("0  a\\b"))
            #expect(groff.output.contains("NODE-AGENT(8)"))
            #expect(groff.output.contains("--check"), "the default subcommand's options are the program's")
            #expect(await Session.run("man --dump \(folder)/none").status == .failure)
            #expect(await Session.run("man nothing").errors == "cluster-manager: there is no command 'nothing'\n")
        }
    }
}
