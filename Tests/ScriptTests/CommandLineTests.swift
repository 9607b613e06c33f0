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
            if arguments == ["--help"] { #expect(outcome.status == 0 && outcome.output.contains("USAGE:")) }
        }
    }

    @Test(
        "a wrong use of the node agent is one line and status 1",
        arguments: [
            ("--nonsense", "node-agent run"), ("join", "node-agent join"), ("adopt --nonsense", "node-agent adopt"),
            ("jion tls:10.0.0.1:49154 x", "node-agent"), ("help nope", "node-agent"), ("--version x", "node-agent"),
        ])
    func nodeAgentUsage(line: String, command: String) async throws {
        let words = line.split(separator: " ").map(String.init)
        let outcome = try await Shell.run(["\(try SystemdTestPrograms.folder())/node-agent"] + words)
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        #expect(outcome.error.hasPrefix("node-agent: ") && outcome.error.hasSuffix("see '\(command) --help'\n"))
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
    }

    @Test(
        "a wrong use of the other programs is one line and status 2: 1 says that a rule was broken, or nothing served",
        arguments: [
            ("demonstrator serv", "unknown command 'serv'; did you mean 'serve'? see 'demonstrator --help'"),
            ("demonstrator help nope", "unknown command 'nope'; see 'demonstrator --help'"),
            ("demonstrator --version x", "unknown command 'x'; see 'demonstrator --help'"),
            ("demonstrator serve --bogus", "see 'demonstrator serve --help'"),
            ("cluster-sim rum", "unknown command 'rum'; did you mean 'run'? see 'cluster-sim --help'"),
            ("cluster-sim run --seed x", "the value 'x' is invalid for '--seed <seed>'; see 'cluster-sim run --help'"),
            ("cluster-sim run", "missing expected argument '--seed <seed>'; see 'cluster-sim run --help'"),
        ])
    func programUsage(line: String, words: String) async throws {
        let parts = line.split(separator: " ").map(String.init)
        let outcome = try await Shell.run(
            ["\(try SystemdTestPrograms.folder())/\(parts[0])"] + Array(parts.dropFirst()))
        #expect(outcome.status == 2 && outcome.output.isEmpty)
        #expect(outcome.error.hasPrefix("\(parts[0]): ") && outcome.error.hasSuffix("\(words)\n"), "\(outcome.error)")
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
    }

    @Test(
        "every program tells its version", arguments: ["cluster-manager", "node-agent", "cluster-sim", "demonstrator"])
    func version(program: String) async throws {
        let outcome = try await Shell.run(["\(try SystemdTestPrograms.folder())/\(program)", "--version"])
        #expect(outcome.status == 0 && outcome.error.isEmpty && outcome.lines.count == 1)
        #expect(outcome.output.first?.isNumber == true, "\(outcome.output)")
    }

    @Test(
        "the usage of the other programs' commands fits a terminal of 80 columns",
        arguments: [
            "demonstrator", "demonstrator serve", "cluster-sim", "cluster-sim run", "cluster-sim search",
            "cluster-sim check-record",
        ])
    func usage(command: String) async throws {
        let words = command.split(separator: " ").map(String.init)
        let outcome = try await Shell.run(
            ["\(try SystemdTestPrograms.folder())/\(words[0])"] + Array(words.dropFirst()) + ["--help"],
            environment: ["COLUMNS": "80"])
        let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
        let usage = lines.drop { !$0.hasPrefix("USAGE: ") }.prefix { !$0.isEmpty }
        #expect(!usage.isEmpty && usage.allSatisfy { $0.count <= 80 }, "\(outcome.output)")
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

    @Test(
        "the command line says when it takes long to find a machine that answers",
        .enabled(if: LocalCluster.isPossible, "the local cluster is root's"), .timeLimit(.minutes(1)))
    func looks() async throws {
        try await withTemporaryFolder { folder in
            for name in ["bin/cluster-manager", "bin/lib/messages.sh"] {
                try write(try contents(name), to: "\(folder)/\(name)", executable: true)
            }
            try write("", to: "\(folder)/settings")
            try write(
                "#!/bin/sh\necho \"$FLOTILLA_ENDPOINT\" \"$@\"\n", to: "\(folder)/cluster-manager", executable: true)
            let environment: [String: String?] = [
                "FLOTILLA_BIN_DIR": folder, "FLOTILLA_LOCAL_STATE": folder, "FLOTILLA_ENDPOINT": nil,
            ]
            // What is said is read by whoever looks, so that nothing depends on how long that takes.
            let said = "\(folder)/said"
            let script =
                "rm -f '\(said)' && mkfifo '\(said)' && exec '\(folder)/bin/cluster-manager' --status 2<>'\(said)'"
            func run(_ looking: String) async throws -> Shell.Outcome {
                try write("#!/bin/bash\n\(looking)\n", to: "\(folder)/bin/local-cluster", executable: true)
                return try await Shell.run(["sh", "-c", script], environment: environment)
            }
            let quick = try await run("echo unix:/x")
            #expect(quick.status == 0 && quick.output == "unix:/x --status\n")
            let slow = try await run(
                "read -r -t 20 line <'\(said)' && echo \"$line\" >'\(folder)/heard' && echo unix:/y")
            #expect(slow.status == 0 && slow.output == "unix:/y --status\n")
            let heard = try contents("\(folder)/heard")
            #expect(heard == "looking for a machine of the local cluster whose node agent answers\n")
            #expect(try await run("exit 1").status == 1)
        }
    }
}
