// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials
import TestSupport
import Testing

/// The pages of docs/reference hold what the programs themselves say.
@Suite("the reference pages") struct ReferenceTests {
    /// What a program prints by `--experimental-dump-help`, as far as it is compared.
    private struct Dump: Decodable {
        struct Argument: Decodable {
            struct Name: Decodable { let name: String }
            let sectionTitle: String?
            let names: [Name]?
            let abstract: String?
        }
        let commandName: String
        let abstract: String?
        let shouldDisplay: Bool?
        let subcommands: [Dump]?
        let arguments: [Argument]?

        var shown: [Dump] { (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" } }

        /// Rows of all commands below this one, each once.
        func rows(_ words: [String] = []) -> [String] {
            var rows: [String] = []
            for command in shown {
                let path = words + [command.commandName]
                var abstract = command.abstract ?? ""
                if abstract.last == "." { abstract.removeLast() }
                let own = ["\(path.joined(separator: " ")) | \(abstract)"] + command.rows(path)
                rows += own.filter { !rows.contains($0) }
            }
            return rows
        }
    }

    private struct Document: Decodable { let command: Dump }

    private func program(_ name: String, _ words: String...) async throws -> Shell.Outcome {
        try await Shell.run(["\(try SystemdTestPrograms.folder())/\(name)"] + words, environment: ["COLUMNS": "200"])
    }

    private func dump(_ name: String) async throws -> Dump {
        let text = try await program(name, "--experimental-dump-help").output
        return try JSONDecoder().decode(Document.self, from: Data(text.utf8)).command
    }

    private func joined(_ rows: [[String]]) -> [String] { rows.map { $0.joined(separator: " | ") } }

    @Test("commands.md has a row for each command of both programs, with the words of its help")
    func commands() async throws {
        let page = try HandbookPage("docs/reference/commands.md")
        let agents = page.rows(under: "## node-agent")
        let scripts = page.rows(under: "## Scripts")
        let others = page.rows().filter { !agents.contains($0) && !scripts.contains($0) }
        expectSame(page.path, lists: joined(others), as: try await dump("cluster-manager").rows())
        expectSame(page.path, lists: joined(agents), as: try await dump("node-agent").rows())
    }

    @Test("commands.md has a row for each script of bin/")
    func scripts() throws {
        let page = try HandbookPage("docs/reference/commands.md")
        let entries = try FileManager.default.contentsOfDirectory(atPath: "\(Shell.repository)/bin")
        let scripts = entries.filter { $0 != "lib" && !$0.hasPrefix(".") }.map { "bin/\($0)" }
        expectSame(page.path, lists: page.rows(under: "## Scripts").map { $0[0] }, as: scripts)
    }

    @Test(
        "exit-codes.md has a row for each exit status, with the words of the help",
        arguments: [("cluster-manager", "EXIT STATUS:"), ("node-agent", "EXIT STATUS")])
    func exitStatuses(name: String, heading: String) async throws {
        let page = try HandbookPage("docs/reference/exit-codes.md")
        let help = try await program(name, "--help").output
        let section = help.split(separator: "\n", omittingEmptySubsequences: false)
            .drop { !$0.hasSuffix(heading) }.dropFirst().prefix { $0.hasPrefix(" ") }
        var statuses: [String] = []
        for line in section {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            let indent = line.prefix { $0 == " " }.count
            if Int(first) != nil, indent < 4 {
                statuses.append("\(first) | \(words.dropFirst().joined(separator: " "))")
            } else if let last = statuses.popLast() {
                statuses.append("\(last) \(words.joined(separator: " "))")
            }
        }
        expectSame(page.path, lists: joined(page.rows(under: "## \(name)")), as: statuses)
    }

    @Test("settings.md has a row for each setting of the agent, with its default and the words of the help")
    func settings() async throws {
        let page = try HandbookPage("docs/reference/settings.md")
        let run = try #require(try await dump("node-agent").shown.first { $0.commandName == "run" })
        let settings = (run.arguments ?? []).filter { $0.sectionTitle == "Settings" }
            .map { "\($0.names?.first?.name ?? "?") | \($0.abstract ?? "")" }
        // The help has a default behind the words, and the page in a column.
        let rows = page.rows().filter { !$0[0].contains("FLOTILLA_") }.map { row in
            "\(row[0]) | \(row[2])" + (row[1] == "-" ? "" : " (default: \(row[1]))")
        }
        expectSame(page.path, lists: rows, as: settings)
    }

    /// What `verify` says against a unit file.
    private func verify(_ options: [String]) async throws -> String {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/a.service"
            try write("[Service]\nExecStart=/bin/a\n[X-Fleet]\n\(options.joined(separator: "\n"))\n", to: path)
            let outcome = try await program("cluster-manager", "verify", path)
            return outcome.output + outcome.error
        }
    }

    @Test("unit-options.md has a row for each option of [X-Fleet]")
    func options() async throws {
        let page = try HandbookPage("docs/reference/unit-options.md")
        let said = try await verify(["Nonsense=1"])
        let start = try #require(said.firstRange(of: "known are ")?.upperBound, "\(said)")
        let known = said[start...].prefix { !$0.isNewline }.split(separator: " ").map(String.init)
        let heading = "## What excludes each other"
        let exclusive = page.rows(under: heading)
        let rows = page.rows().filter { !exclusive.contains($0) }
        expectSame(page.path, lists: rows.map { $0[0] }, as: known)
        let old = page.rows(under: "## Names from before fleet 0.8").map { $0[0] }
        expectSame("\(page.path), old names", lists: old, as: known.filter { $0.hasPrefix("X-") })
    }

    @Test("unit-options.md names exactly the options that exclude each other")
    func exclusive() async throws {
        let page = try HandbookPage("docs/reference/unit-options.md")
        let values = [
            "MachineID=11111111", "MachineOf=b.service", "MachineMetadata=a=b", "Conflicts=c.service",
            "Replaces=d.service", "Ports=80", "Global=true", "OnDisconnect=keep", "RunAgain=true",
        ]
        let names = values.map { String($0.prefix { $0 != "=" }) }
        var refused: [String] = []
        for (index, one) in values.enumerated() {
            for (other, name) in zip(values, names).dropFirst(index + 1) {
                let isRefused = try await verify([one, other]).contains("cannot be used together")
                if isRefused { refused.append([names[index], name].sorted().joined(separator: " | ")) }
            }
        }
        let rows = page.rows(under: "## What excludes each other").map { $0.sorted().joined(separator: " | ") }
        expectSame(page.path, lists: rows, as: refused)
    }

    @Test("api.md has a row for each call of the API, with who may make it", arguments: APICall.groups.map(\.name))
    func calls(group: String) throws {
        let page = try HandbookPage("docs/reference/api.md")
        let calls = try #require(APICall.groups.first { $0.name == group }).calls
        let rows = calls.map { "\($0.method.rawValue) | \($0.path) | \($0.needs.words) | \($0.summary)" }
        expectSame("\(page.path), \(group)", lists: joined(page.rows(under: "## \(group)")), as: rows)
        #expect(page.rows().count == APICall.all.count)
    }

    @Test("the glossary is in order, has no word twice, and has those that commands print")
    func glossary() throws {
        let words = try HandbookPage("docs/reference/glossary.md").rows().map { $0[0] }
        #expect(words == words.sorted() && Set(words).count == words.count)
        for word in ["inactive", "loaded", "launched", "manager", "worker", "brake", "cordon", "drain", "fence"] {
            #expect(words.contains(word), "\(word)")
        }
    }
}
