// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("scripts' command lines") struct CommandLineTests {
    @Test(
        "every script explains itself",
        arguments: [
            "bin/build", "bin/check-sources", "bin/demo", "bin/fuzz", "bin/install-prerequisites",
            "bin/local-cluster", "bin/provision-machine", "bin/purge-discovery", "bin/sbom", "bin/test",
            "bin/build-man", "units/bin/inaetics-agent",
        ])
    func help(script: String) async throws {
        let outcome = try await Shell.run([script, "--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("usage: "), "\(outcome.output)")
        #expect(outcome.output.contains("exit status: "))
        #expect(!outcome.output.contains("SPDX-License"))
    }

    @Test(
        "an unknown argument is refused",
        arguments: [
            "bin/build", "bin/check-sources", "bin/demo", "bin/fuzz", "bin/install-prerequisites", "bin/local-cluster",
            "bin/provision-machine", "bin/test", "bin/sbom", "bin/build-man",
        ])
    func unknown(script: String) async throws {
        let outcome = try await Shell.run([script, "--frobnicate"])
        #expect(outcome.status == 2)
        #expect(outcome.error.contains("--frobnicate"))
        #expect(outcome.error.contains("--help"))
    }

    @Test(
        "every program explains itself on a terminal of any width",
        arguments: ["cluster-manager", "node-agent", "cluster-sim", "demonstrator"], ["1", "20", "49", "0", "-3", "x"])
    func narrow(program: String, columns: String) async throws {
        let path = "\(try SystemdTestPrograms.folder())/\(program)"
        for arguments in [["--help"], ["help"], ["--nonsense"]] {
            let outcome = try await Shell.run([path] + arguments, environment: ["COLUMNS": columns])
            #expect(outcome.status < 128, "\(arguments): \(outcome.error.prefix(300))")
            if arguments == ["--help"] { #expect(outcome.status == 0 && outcome.output.contains("USAGE: ")) }
        }
    }

    @Test(
        "a wrong use of the node agent is one line and status 1",
        arguments: [
            ("--nonsense", "node-agent"), ("join", "node-agent join"), ("adopt --nonsense", "node-agent adopt"),
            ("jion tls:10.0.0.1:49154 x", "node-agent"), ("help nope", "node-agent"),
        ])
    func nodeAgentUsage(line: String, command: String) async throws {
        let words = line.split(separator: " ").map(String.init)
        let outcome = try await Shell.run(["\(try SystemdTestPrograms.folder())/node-agent"] + words)
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        #expect(outcome.error.hasPrefix("node-agent: ") && outcome.error.hasSuffix("see '\(command) --help'\n"))
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
    }

    @Test(
        "a result that is not written is a failure, told in one line",
        arguments: [
            "node-agent --help", "node-agent help join", "node-agent --version", "node-agent --check",
            "cluster-sim --help", "cluster-sim run --seed 1 --seconds 20", "demonstrator --help",
            "demonstrator serve --help",
        ], [("> /dev/full", "No space left on device"), (">&-", "it is closed")])
    func lostResult(line: String, lost: (String, String)) async throws {
        let program = line.prefix { $0 != " " }
        let outcome = try await Shell.run(
            ["sh", "-c", "'\(try SystemdTestPrograms.folder())'/\(line) \(lost.0)"])
        #expect(outcome.status == 1)
        let words = "\(program): cannot write the result to standard output: \(lost.1)\n"
        #expect(outcome.error.hasSuffix(words), "\(outcome.error)")
    }

    @Test("the command line says how to build what has not been built")
    func notBuilt() async throws {
        let outcome = try await Shell.run(
            ["bin/cluster-manager", "--status"], environment: ["FLOTILLA_BIN_DIR": "/nowhere"])
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("no program /nowhere/cluster-manager; run bin/build"))
    }

    @Test("the command line passes arguments and a chosen endpoint on")
    func passesOn() async throws {
        try await withTemporaryFolder { folder in
            try write(
                "#!/bin/sh\necho \"$FLOTILLA_ENDPOINT\" \"$@\"\nexit 3\n", to: "\(folder)/cluster-manager",
                executable: true)
            let outcome = try await Shell.run(
                ["bin/cluster-manager", "list-units", "--fields=unit,active"],
                environment: ["FLOTILLA_BIN_DIR": folder, "FLOTILLA_ENDPOINT": "unix:/x"])
            #expect(outcome.status == 3)
            #expect(outcome.lines == ["unix:/x list-units --fields=unit,active"])
        }
    }
}
