// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FoundationEssentials
import Testing

@testable import ClusterManager

/// The program itself, each of its commands once, where no cluster answers.
@Suite("--output json everywhere", .timeLimit(.minutes(10)))
struct JSONEverywhereTests {
    private static let machine = String(repeating: "0a", count: 16)

    /// What each command takes beside `--output json`; a new command needs a line here.
    ///
    /// A script for a shell and a manual page have one form, so `completion` and `man` are asked for what they have not.
    private static let arguments = [
        "submit": "web.service", "load": "web.service", "start": "web.service", "restart": "web", "scale": "web@ 2",
        "apply": "web.service", "stop": "web", "unload": "web", "destroy": "web", "cat": "web", "status": "web",
        "is-active": "web", "is-failed": "web",
        "explain": "web", "journal": "web", "list-units": "", "list-unit-files": "", "list-machines": "",
        "verify": "web.service", "ssh": "web", "metadata show": "", "metadata set": "m a=b", "metadata delete": "m a",
        "cordon": "m", "uncordon": "m", "drain": "m", "move": "web", "reboot": "m",
        "operation list": "", "operation show": "x", "operation watch": "x", "operation pause": "x",
        "operation resume": "x",
        "operation abort": "x", "machine list": "", "machine revoke": "m",
        "brake show": "", "brake release": "", "backup": "saved", "restore": "backup.json",
        "cluster init": "--name 'a b'",
        "cluster admit": "\(machine) --kind worker --name m --out out --directory none",
        "cluster certificate": "x --address 127.0.0.1 --out out --directory none", "cluster ca show": "",
        "cluster ca rotate": "", "cluster store show": "", "cluster store rotate-passwords": "", "cluster adopt": "",
        "token create": "--kind worker",
        "token list": "",
        "token revoke": "x", "user add": "ann --role viewer --out ann.json", "user list": "", "user revoke": "ann",
        "profile add": "profile.json", "profile list": "", "profile use": "x", "profile renew": "x",
        "profile remove": "x", "audit": "", "completion": "ksh", "fd-forward": "/nowhere/else", "man": "nosuch",
        "version": "",
    ]

    /// Whatever JSON may say.
    private struct Anything: Decodable {
        init(from _: any Decoder) {}
    }

    /// Each command that has none below it, as it is typed.
    private static func leaves(of type: any ParsableCommand.Type, _ path: [String] = []) -> [String] {
        let configuration = type.configuration
        let below = configuration.subcommands
        guard !below.isEmpty else { return [path.joined(separator: " ")] }
        return below.flatMap { leaves(of: $0, path + [$0._commandName]) }
    }

    @Test("every command is tried")
    func table() {
        #expect(Self.leaves(of: RootCommand.self).sorted() == Self.arguments.keys.sorted())
    }

    @Test("what a command says is JSON, be it a result or an error", arguments: arguments.keys.sorted())
    func answers(command: String) async throws {
        try await Fixtures.withFolder { folder in
            for (name, text) in [("web.service", Fixtures.plainText), ("backup.json", "{}"), ("profile.json", "{}")] {
                try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            }
            let line = "\(command) \(Self.arguments[command] ?? "") --output json"
            let outcome = try await Command.run(
                ["sh", "-c", "cd '\(folder)'; exec '\(try Command.clusterManager)' \(line)"],
                environment: [
                    "FLOTILLA_ENDPOINT": "unix:\(folder)/nobody", "HOME": folder, "XDG_CONFIG_HOME": folder,
                ])
            #expect(outcome.status <= 4, "\(outcome)")
            #expect(!(outcome.status == 0 ? outcome.output : outcome.errors).isEmpty, "\(outcome)")
            for text in outcome.errors.split(separator: "\n") + (outcome.output.isEmpty ? [] : [outcome.output[...]]) {
                #expect(throws: Never.self, "\(text)") {
                    try JSONDecoder().decode(Anything.self, from: Data(text.utf8))
                }
            }
        }
    }

    /// What was done, of all that the answer tells.
    private struct Done: Decodable {
        let done: String
    }

    @Test("what is done without a cluster is told as an object on standard output")
    func deeds() async throws {
        try await Fixtures.withFolder([:]) { folder in
            for (line, done) in [
                ("cluster init --offline --directory authority --api tls:127.0.0.1:49154", "init"),
                ("cluster certificate etcd --address 127.0.0.1 --out etcd --directory authority", "certificate"),
                ("cluster certificate web --address 127.0.0.1 --out web --directory authority", "certificate"),
                ("profile add profiles/default.json --name lab", "add"), ("profile use lab", "use"),
                ("profile remove lab", "remove"),
            ] {
                let outcome = try await Command.run(
                    ["sh", "-c", "cd '\(folder)'; exec '\(try Command.clusterManager)' \(line) --output json"],
                    environment: ["FLOTILLA_PROFILES": "\(folder)/profiles", "HOME": folder])
                #expect(outcome.status == 0, "\(line): \(outcome)")
                let answer = try? JSONDecoder().decode(Done.self, from: Data(outcome.output.utf8))
                #expect(answer?.done == done, "\(line): \(outcome)")
            }
        }
    }

    @Test("an authority and a profile that are there already are told of, and so is what changes about them")
    func repeatedInit() async throws {
        try await Fixtures.withFolder([:]) { folder async throws in
            func errors(_ port: Int, _ words: String = "") async throws -> String {
                let line = "cluster init --offline --directory authority --api tls:127.0.0.1:\(port) \(words)"
                let outcome = try await Command.run(
                    ["sh", "-c", "cd '\(folder)'; exec '\(try Command.clusterManager)' \(line)"],
                    environment: ["FLOTILLA_PROFILES": "\(folder)/profiles", "HOME": folder])
                #expect(outcome.status == 0, "\(outcome)")
                return outcome.errors
            }
            #expect(try await errors(49154).contains("made the administrator's profile"))
            let words = "cluster default has its authority in authority and its administrator's profile already"
            #expect(try await errors(49154) == words + "\n")
            #expect(try await errors(49154, "--output json") == "{\"note\":\"\(words)\"}\n")
            #expect(try await errors(49155) == "the profile default leads to tls:127.0.0.1:49155 now\n")
            #expect(try await errors(49155) == words + "\n")
        }
    }

    @Test("what is written to a file is told as an object on standard output, and to people beside it")
    func files() async throws {
        try await Fixtures.withFolder([:]) { folder in
            let api = CannedAPI([
                "POST /flotilla/v1/users": try CannedAPI.json(
                    API.IssuedCertificate(cluster: "lab", certificate: "C", authorities: "A")),
                "GET /flotilla/v1/backup": TransportResponse(status: 200, body: Array("{}".utf8)),
                "DELETE /flotilla/v1/tokens/x": TransportResponse(status: 204),
            ])
            for (line, done) in [
                ("user add ada --role viewer --out \(folder)/ada.json", "add"), ("backup \(folder)/saved", "backup"),
                ("token revoke x", "revoke"),
            ] {
                let captured = try await api.run(line + " --output json")
                #expect(try JSONDecoder().decode(Done.self, from: Data(captured.output.utf8)).done == done)
                #expect(captured.errors.isEmpty, "\(captured.errors)")
            }
            let plain = try await api.run("backup \(folder)/saved")
            #expect(plain.output.isEmpty && plain.errors == "wrote 2 bytes to \(folder)/saved\n")
        }
    }
}
