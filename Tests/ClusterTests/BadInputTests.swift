// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// Wrong arguments and files: one clear line, the documented exit status, and nothing changed in the store.
    @Suite("bad input") struct BadInputTests {
        /// A unit file that no cluster may take.
        struct BadFile: CustomTestStringConvertible {
            var name: String
            var text: String
            /// What the refusal must name.
            var named: String

            init(_ name: String, _ text: String, _ named: String) {
                self.name = name
                self.text = text
                self.named = named
            }

            /// The largest of them would fill the log.
            var testDescription: String { "\(name), \(text.utf8.count) bytes: \(text.prefix(80))" }
        }

        @Test(
            "wrong arguments are refused in one line that names them",
            arguments: [
                (["--frobnicate"], "--frobnicate"), (["frobnicate"], "frobnicate"),
                (["--start", "--celixAgents=-1"], "--celixAgents=-1"),
                (["--start", "--felixAgents=99999999999999999999"], "--felixAgents=99999999999999999999"),
                (["--start", "--celixAgents=two"], "--celixAgents=two"), (["--start", "--stop"], "--start and --stop"),
                (["--status", "--felixAgents=3"], "--felixAgents"),
                (["--start", "--unitFilesPath=/nowhere"], "/nowhere"),
                (["start", "nowhere.service"], "nowhere.service"), (["submit", "/nowhere/a.service"], "a.service"),
                (["start", "no such name.service"], "no such name.service"), (["restart", "a.service"], "a.service"),
                (["status", "a.service"], "a.service"), (["list-units", "--fields", "colour"], "colour"),
                (["start", "a.service", "--no-block", "--timeout", "3"], "--no-block"),
            ])
        func arguments(_ words: [String], _ named: String) async throws {
            try await expectRefused(words, status: 1, naming: named)
        }

        @Test(
            "bad unit files are refused in one line that says what is wrong where",
            arguments: [
                BadFile("a.service", "[Service\nExecStart=/bin/true\n", "line 1"),
                BadFile("a.service", "[Service]\nExecStart=/bin/true\nnonsense\n", "line 3"),
                BadFile("a.service", "[Service]\nExecStart=/bin/true\n[X-Fleet]\nColour=red\n", "Colour"),
                BadFile("a.service", "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\nMachineOf=b\n", "Global"),
                BadFile("a.colour", "[Service]\nExecStart=/bin/true\n", "a.colour"),
                BadFile("bad name.service", "[Service]\nExecStart=/bin/true\n", "bad name.service"),
                BadFile("a.service", "[Service]\n#" + String(repeating: "x", count: 1_048_576), "at most"),
                BadFile("@.service", "[Service]\nExecStart=/bin/true\n", "@.service"),
            ])
        func files(_ file: BadFile) async throws {
            try await withTemporaryFolder { folder in
                try write(file.text, to: "\(folder)/\(file.name)")
                for verb in ["submit", "start"] {
                    try await expectRefused([verb, "\(folder)/\(file.name)"], status: 1, naming: file.named)
                }
            }
        }

        @Test("a unit file that is no file is refused", arguments: ["/dev/zero", "/etc", "/proc/self/mem"])
        func noFile(_ path: String) async throws {
            try await withTemporaryFolder { folder in
                let link = "\(folder)/a.service"
                _ = try await Shell.run(["ln", "-s", path, link])
                try await expectRefused(["submit", link], status: 1, naming: link)
            }
        }

        @Test("of three unit files with one bad, none is sent")
        func allOrNone() async throws {
            try await withTemporaryFolder { folder in
                for kind in ["provisioning", "felix@"] {
                    try write(Cluster.sleeper, to: "\(folder)/\(kind).service")
                }
                try write("[Service]\nnonsense\n", to: "\(folder)/celix@.service")
                let words = ["--start", "--unitFilesPath=\(folder)"]
                try await expectRefused(words, status: 1, naming: "celix@.service: line 2")
            }
        }

        @Test(
            "an endpoint where nobody answers ends with a status of its own",
            arguments: ["unix:/nowhere.sock", "tcp:127.0.0.1:1", "http://127.0.0.1:1"])
        func unreachable(_ endpoint: String) async throws {
            try await expectRefused(["--endpoint", endpoint, "--status"], status: 3, naming: endpoint)
        }

        @Test("an address that is none is refused", arguments: ["ftp://a", "tcp:host", "nonsense"])
        func badEndpoint(_ endpoint: String) async throws {
            try await expectRefused(["--endpoint", endpoint, "--status"], status: 1, naming: endpoint)
        }

        private func expectRefused(
            _ words: [String], status: Int32, naming text: String, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let cluster = try Cluster.shared
            try await cluster.untilSwept()
            let before = try await cluster.storeRevision()
            let outcome = try await cluster.manager(words)
            #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
            #expect(outcome.output.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
            #expect(outcome.error.contains(text), "\(outcome)", sourceLocation: sourceLocation)
            #expect(outcome.lines(ofError: ()).count == 1, "\(outcome)", sourceLocation: sourceLocation)
            #expect(try await cluster.storeRevision() == before, sourceLocation: sourceLocation)
        }
    }
}

extension Shell.Outcome {
    fileprivate func lines(ofError: Void) -> [Substring] { error.split(separator: "\n") }
}
