// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// `docs/tutorial.md`, command by command.
    @Suite("the tutorial") struct TutorialTests {
        /// What the page has its reader do.
        private enum Step {
            /// A file to write: a block `ini` whose first line is `# NAME`.
            case file(name: String, text: String)
            /// A line `$ COMMAND` of a block `console`, and what is below it.
            case command(String, shown: [String])
        }

        private static func steps() throws -> [Step] {
            var steps: [Step] = []
            var block: (kind: Substring, lines: [Substring])?
            for line in try contents("docs/tutorial.md").split(separator: "\n", omittingEmptySubsequences: false) {
                guard line.hasPrefix("```") else {
                    block?.lines.append(line)
                    continue
                }
                guard let ended = block else {
                    block = (line.dropFirst(3), [])
                    continue
                }
                block = nil
                switch ended.kind {
                case "ini":
                    let first = try #require(ended.lines.first { $0.hasPrefix("# ") }, "a file without a name")
                    let text = ended.lines.joined(separator: "\n") + "\n"
                    steps.append(.file(name: String(first.dropFirst(2)), text: text))
                case "console": steps += commands(ended.lines.filter { !$0.isEmpty }.map(String.init))
                default: break
                }
            }
            return steps
        }

        private static func commands(_ lines: [String]) -> [Step] {
            var steps: [Step] = []
            var command: String?
            var shown: [String] = []
            for line in lines {
                if line.hasPrefix("$ ") {
                    if let command { steps.append(.command(command, shown: shown)) }
                    (command, shown) = (String(line.dropFirst(2)), [])
                } else {
                    shown.append(line)
                }
            }
            if let command { steps.append(.command(command, shown: shown)) }
            return steps
        }

        /// Verbs that change nothing, so that they may be asked until the cluster has come to what the page shows.
        private static let asking: Set<Substring> = [
            "cat", "explain", "journal", "list-machines", "list-unit-files", "list-units", "status", "verify",
        ]

        /// Lines without what differs from run to run: machines, times, processes, the widths of columns, and what is said only when
        /// the host is slow.
        private func shape(_ lines: [String]) -> [String] {
            lines.filter { !$0.contains(" is not there yet") && !$0.hasPrefix("looking for a machine") }.map { line in
                line.replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z/, with: "TIME")
                    .replacing(/^[A-Z][a-z]{2} [0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}/, with: "TIME")
                    .replacing(/\[[0-9]+\]/, with: "[PID]")
                    .replacing(/\b[0-9a-f]{8}\b/, with: "ID")
                    .replacing(/172\.17\.8\.[0-9]+/, with: "ADDRESS")
                    .replacing(/worker-[0-9]+/, with: "MACHINE")
                    .replacing(/[ ]{2,}/, with: " ")
            }
        }

        @Test("every command of docs/tutorial.md prints what the page shows")
        func session() async throws {
            let cluster = try Cluster.shared
            let steps = try Self.steps()
            try #require(steps.count > 20)
            try await withTemporaryFolder { folder in
                let link = try await Shell.run(["ln", "-s", "\(Shell.repository)/bin", "\(folder)/bin"])
                try #require(link.status == 0, "\(link)")
                var machine = ""
                for step in steps {
                    switch step {
                    case .file(let name, let text): try write(text, to: "\(folder)/\(name)")
                    case .command(var command, let shown):
                        // The page names the machine that has the unit; here that may be another one.
                        if command.hasPrefix("bin/local-cluster ") {
                            if command.contains(" halt ") {
                                let home = try await cluster.running(["hello.service"])["hello.service"]?.machine
                                machine = try #require(home)
                            }
                            var words = command.split(separator: " ").dropLast().map(String.init)
                            words.append(machine)
                            command = words.joined(separator: " ")
                        }
                        try await expect(command, shows: shown, in: folder, cluster)
                    }
                }
            }
        }

        /// Runs a command as the page's reader would, and compares what it prints with the page.
        private func expect(
            _ command: String, shows page: [String], in folder: String, _ cluster: Cluster
        ) async throws {
            func run() async throws -> [String] {
                let outcome = try await cluster.run("bash", ["-c", "cd '\(folder)' && { \(command); } 2>&1"])
                return shape(outcome.lines)
            }
            let expected = shape(page)
            let words = command.split(separator: " ")
            if words.count > 1, Self.asking.contains(words[1]) {
                var seen: [String] = []
                try? await until("\(command) shows it", within: .seconds(60)) {
                    seen = try await run()
                    return seen == expected
                }
                #expect(seen == expected, "\(command)")
            } else {
                // Several units come to their ends in any order.
                let seen = try await run()
                #expect(seen.sorted() == expected.sorted(), "\(command)")
            }
        }
    }
}
