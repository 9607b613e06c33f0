// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Glibc
import Testing

@testable import ClusterManager

@Suite("results and where they go")
struct OutputTests {
    @Test(
        "a result that is not written is a failure, told in one line",
        arguments: [
            ("version > /dev/full", "No space left on device"),
            ("completion bash > /dev/full", "No space left on device"),
            ("--help > /dev/full", "No space left on device"), ("profile list > /dev/full", "No space left on device"),
            ("version >&-", "it is closed"), ("version --output json >&-", "it is closed"),
        ])
    func lost(line: String, reason: String) async throws {
        let outcome = try await Command.run(["sh", "-c", "'\(try Command.clusterManager)' \(line)"])
        #expect(outcome.status == 1)
        let words = "cannot write the result to standard output: \(reason)"
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(outcome.errors.count { $0 == "\n" } == 1)
    }

    @Test("what a cluster answers and is not written is a failure, too")
    func lostAnswers() async throws {
        try await Fixtures.withFolder { folder in
            let backup = Route(.readBackup) { (_, _) async throws(ServerFailure) in
                ServerReply(status: 200, body: .bytes([0x7B, 0x7D]))
            }
            try await RunningCluster(machines: 2).serving(in: folder, extraRoutes: [backup]) { socket, _ in
                let environment = ["FLOTILLA_ENDPOINT": "unix:\(socket)"]
                let program = try Command.clusterManager
                try Data(Fixtures.plainText.utf8).write(to: URL(filePath: "\(folder)/web.service"))
                let made = try await Command.run([program, "start", "\(folder)/web.service"], environment: environment)
                #expect(made.status == 0, "\(made)")
                for line in [
                    "list-units", "list-machines --output json", "cat web", "status web", "explain web", "--status",
                    "backup -",
                ] {
                    let outcome = try await Command.run(
                        ["sh", "-c", "'\(program)' \(line) > /dev/full"], environment: environment)
                    #expect(outcome.status == 1, "\(line): \(outcome)")
                    #expect(outcome.errors.contains("No space left on device"), "\(line): \(outcome)")
                }
            }
        }
    }

    @Test("a command without a result does not mind a closed output")
    func noResult() async throws {
        let line = "'\(try Command.clusterManager)' verify /nowhere.service >&-"
        let outcome = try await Command.run(["sh", "-c", line])
        #expect(outcome.errors == "cluster-manager: there is no file or folder /nowhere.service\n")
    }

    @Test("who follows a journal for nobody stops")
    func follower() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service")])
        await fleet.setJournals([.caughtUp])
        let captured = CapturedConsole()
        let full = Console(
            output: Console.Stream(failure: { "full" }) { _ in }, errors: captured.console.errors)
        let program = Program(console: full, environment: [:], connect: { _ in fleet })
        #expect(await program.run(["journal", "-f", "web"]) == .failure)
        #expect(captured.errors.hasSuffix("cannot write the result to standard output: full\n"))
    }

    @Test("a key is neither shown on a terminal nor made for an output that is closed")
    func secrets() async throws {
        for (stream, words) in [
            (Console.Stream(isTerminal: true) { _ in }, "say --out FILE"),
            (Console.Stream(isOpen: false) { _ in }, "standard output is closed"),
        ] {
            for out in [[], ["--out", "-"]] {
                let api = CannedAPI([:])
                let error = await #expect(throws: ClusterManagerError.self) {
                    try await api.run(["user", "add", "ada", "--role", "viewer"] + out, output: stream)
                }
                #expect(error?.message.contains(words) == true, "\(String(describing: error))")
                #expect(api.asked.isEmpty)
            }
        }
        let api = CannedAPI([:])
        let error = await #expect(throws: ClusterManagerError.self) {
            try await api.run("user add ada --role viewer --out /nowhere/ada.json")
        }
        #expect(error?.message == "cannot write /nowhere/ada.json: No such file or directory")
        await #expect(throws: ClusterManagerError.self) { try await api.run("backup /nowhere/cluster.json") }
        for (words, message) in [
            (["backup", ""], "cannot write a file whose name is empty; name one"),
            (["restore", ""], "cannot read a file whose name is empty; name one"),
            (
                ["user", "add", "ada", "--role", "viewer", "--out", ""],
                "cannot write a file whose name is empty; name one"
            ),
            (["user", "add", "", "--role", "viewer"], "'' is no user's name: it has 1 to 64 letters"),
            (["user", "revoke", ""], "the empty word is no user's name; see 'cluster-manager user list'"),
            (["token", "revoke", ""], "the empty word is no token's id; see 'cluster-manager token list'"),
        ] {
            let error = await #expect(throws: ClusterManagerError.self) { try await api.run(words) }
            #expect(error?.code == .usage && error?.message.hasPrefix(message) == true, "\(String(describing: error))")
        }
        await #expect(throws: ClusterManagerError.self) {
            try await api.run(["token", "create", "--kind", "worker"], output: Console.Stream(isOpen: false) { _ in })
        }
        #expect(api.asked.isEmpty)
    }

    @Test(
        "a file for a secret is closed for others before anybody is asked for it",
        arguments: [
            "user add ada --role viewer", "user add ada --role viewer --out -", "token create --kind worker",
            "backup -",
        ])
    func privateOutput(line: String) async throws {
        let captured = CapturedConsole()
        let stream = Console.Stream(
            keepPrivate: { captured.console.output.write("closed;") },
            write: { _ in captured.console.output.write("written;") })
        let api = CannedAPI([
            "POST /flotilla/v1/tokens": try CannedAPI.json(API.NewToken(token: "FLT1-x", endpoints: [])),
            "POST /flotilla/v1/users": try CannedAPI.json(
                API.IssuedCertificate(cluster: "lab", certificate: "C", authorities: "A")),
            "GET /flotilla/v1/backup": TransportResponse(status: 200, body: Array("{}".utf8)),
        ])
        _ = try await api.run(line.split(separator: " ").map(String.init), output: stream)
        #expect(captured.output == "closed;written;")
    }

    @Test("standard output that a shell has sent to a file is closed for all but its owner")
    func shellOutput() throws {
        let file = FileManager.default.temporaryDirectory.path + "/flotilla-\(UUID().uuidString)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0 && fchmod(descriptor, 0o644) == 0)
        defer {
            close(descriptor)
            unlink(file)
        }
        Console.stream(descriptor, wantsColours: false).keepPrivate()
        var info = stat()
        #expect(fstat(descriptor, &info) == 0 && info.st_mode & 0o777 == 0o600)
    }

    @Test("a backup's foreign text does nothing to a terminal, and a program gets the very bytes")
    func backup() async throws {
        let text = "{\"x\":\"\u{202E}\u{9B}\"}"
        for (isTerminal, shown) in [(false, text), (true, #"{"x":"\u202e\x9b"}"#)] {
            let captured = CapturedConsole()
            let stream = Console.Stream(isTerminal: isTerminal) { captured.console.output.write($0) }
            let api = CannedAPI(["GET /flotilla/v1/backup": TransportResponse(status: 200, body: Array(text.utf8))])
            _ = try await api.run(["backup", "-"], output: stream)
            #expect(captured.output == shown)
        }
    }

    @Test("a token or a user whose secret could not be written is revoked again", arguments: [true, false])
    func lostSecrets(isRevoked: Bool) async throws {
        let id = "0123456789ab"
        let token = "FLT1-\(id)-\(String(repeating: "a", count: 40))-\(String(repeating: "b", count: 64))"
        let outcome = TransportResponse(status: isRevoked ? 204 : 503)
        let api = CannedAPI([
            "POST /flotilla/v1/tokens": try CannedAPI.json(API.NewToken(token: token, endpoints: [])),
            "DELETE /flotilla/v1/tokens/\(id)": outcome,
            "POST /flotilla/v1/users": try CannedAPI.json(
                API.IssuedCertificate(cluster: "lab", certificate: "C", authorities: "A")),
            "DELETE /flotilla/v1/users/ada": outcome,
        ])
        let full = Console.Stream(failure: { "full" }, write: { _ in })
        let made = try await api.run(["token", "create", "--kind", "worker"], output: full)
        #expect(api.asked.last == "DELETE /flotilla/v1/tokens/\(id)")
        #expect(made.errors.count { $0 == "\n" } == 1 && !made.errors.contains(token))
        #expect(
            made.errors.hasSuffix(
                isRevoked
                    ? "so token \(id) is revoked again\n" : "revoke it with: cluster-manager token revoke \(id)\n"),
            "\(made.errors)")
        let words =
            isRevoked ? "so user ada is revoked again" : "revoke the user with: cluster-manager user revoke ada"
        let added = try await api.run(["user", "add", "ada", "--role", "viewer"], output: full)
        #expect(api.asked.last == "DELETE /flotilla/v1/users/ada")
        #expect(added.errors.hasSuffix("\(words)\n") && added.errors.count { $0 == "\n" } == 1, "\(added.errors)")
        let error = await #expect(throws: ClusterManagerError.self) {
            try await api.run(["user", "add", "ada", "--role", "viewer", "--out", "/dev/full"])
        }
        #expect(error?.code == .output)
        #expect(error?.message.hasPrefix("cannot write /dev/full: No space left on device; ") == true)
        #expect(error?.message.hasSuffix(words) == true, "\(String(describing: error))")
    }

    @Test(
        "an error is an object for who asked for JSON",
        arguments: [
            ("cat none --output json", "unit", 1), ("frobnicate --output=json", "usage", 1),
            ("start --output json", "usage", 1), ("--output json --etcd-keyfile x list-units", "usage", 1),
        ])
    func jsonErrors(arguments: String, code: String, status: Int) async throws {
        struct Answer: Decodable {
            struct Reason: Decodable {
                let code: String
                let message: String
                let status: Int
            }
            let error: Reason
        }
        let session = await Session.run(arguments)
        #expect(session.output.isEmpty)
        let answer = try JSONDecoder().decode(Answer.self, from: Data(session.errors.utf8))
        #expect(answer.error.code == code && answer.error.status == status && !answer.error.message.isEmpty)
        #expect(session.errors.count { $0 == "\n" } == 1)
    }

    @Test("what is said beside a result is an object a line for who asked for JSON")
    func jsonNotes() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service"), try Fixtures.unit("app.service")])
        let session = await Session.run("stop web app none --output json", on: fleet)
        struct Note: Decodable { let note: String }
        let notes = try session.errors.split(separator: "\n").map {
            try JSONDecoder().decode(Note.self, from: Data($0.utf8)).note
        }
        #expect(notes.first == "unit none.service does not exist, so there is nothing to stop")
        #expect(notes.last == "stopped 2 of 2 units")
    }

    /// What standard error says to who asked for JSON.
    private struct Words: Decodable {
        struct Failure: Decodable {
            let code: String
            let message: String
        }
        let note: String?
        let error: Failure?

        static func of(_ session: Session) throws -> [Words] {
            try session.errors.split(separator: "\n").map {
                try JSONDecoder().decode(Words.self, from: Data($0.utf8))
            }
        }
    }

    @Test("the failure of the only unit that is waited for is the command's error, and no note", arguments: [1, 2])
    func jsonUnitFailure(count: Int) async throws {
        let machine = Fixtures.machines(1)[0].id
        let units = try (0..<count).map { try Fixtures.unit("w@\($0).service", machine: machine) }
        let states = units.map { Fixtures.state($0, on: machine, "failed", "failed") }
        let fleet = FakeFleet(units: units, states: states, runsUnits: false)
        let names = units.map(\.name.rawValue).joined(separator: " ")
        let session = await Session.run("start \(names) --output json", on: fleet)
        #expect(session.status == .failure)
        let words = try Words.of(session)
        #expect(words.compactMap(\.error).map(\.code) == ["unitFailed"])
        #expect(words.count(where: { $0.note?.hasPrefix("unit w@") == true }) == (count == 1 ? 0 : 2))
        let message = try #require(words.last?.error?.message)
        #expect(
            message.hasPrefix(
                count == 1 ? "unit w@0.service failed on 10000000.../172.17.8.101" : "2 of 2 units did not get there"))
    }

    @Test("a failure of a unit beside a request that is refused stays a note")
    func jsonFailureBesideRefusal() async throws {
        let machine = Fixtures.machines(1)[0].id
        let bad = try Fixtures.unit("bad.service", machine: machine)
        let fleet = FakeFleet(
            units: [bad, try Fixtures.unit("no.service", .inactive)],
            states: [Fixtures.state(bad, on: machine, "failed", "failed")], runsUnits: false,
            refusals: ["set no.service launched": ClusterManagerError(.refused, "cannot set unit no.service: no")])
        let words = try Words.of(await Session.run("start bad no --output json", on: fleet))
        #expect(words.compactMap(\.note).contains { $0.hasPrefix("unit bad.service failed on ") })
        #expect(words.compactMap(\.error).map(\.message) == ["1 of 2 requests was not carried out"])
    }

    @Test("a unit that is not there when the time is up has its place in the result")
    func jsonTimeout() async throws {
        let machine = Fixtures.machines(1)[0].id
        let up = try Fixtures.unit("up.service", machine: machine)
        let waits = try Fixtures.unit("waits.service", reason: "1 machine: conflicts")
        let fleet = FakeFleet(units: [up, waits], states: [Fixtures.state(up, on: machine)], runsUnits: false)
        let session = await Session.run("start up waits --timeout 1 --output json", on: fleet)
        #expect(session.status == .incomplete)
        struct Answer: Decodable, Equatable {
            var unit: String
            var ok: Bool
            var message: String
        }
        #expect(
            try JSONDecoder().decode([Answer].self, from: Data(session.output.utf8)) == [
                Answer(
                    unit: "up.service", ok: true, message: "Unit up.service launched on 10000000.../172.17.8.101"),
                Answer(
                    unit: "waits.service", ok: false,
                    message: "unit waits.service waits for a machine: 1 machine: conflicts"),
            ])
    }

    @Test("what is done is said, also as JSON")
    func done() async throws {
        let api = CannedAPI(["DELETE /flotilla/v1/users/ada": TransportResponse(status: 204)])
        #expect(try await api.run("user revoke ada").output == "user ada is revoked\n")
        let again = CannedAPI(["DELETE /flotilla/v1/users/ada": try CannedAPI.json(API.Revocation(since: 60_000))])
        #expect(
            try await again.run("user revoke ada").output
                == "user ada was revoked already, at 1970-01-01 00:01:00Z; nothing was done\n")
        let json = try await api.run("user revoke ada --output json").output
        #expect(try JSONDecoder().decode([String: String].self, from: Data(json.utf8))["user"] == "ada")
        let version = await Session.run("version --output json").output
        #expect(
            try JSONDecoder().decode([String: String].self, from: Data(version.utf8)) == ["version": Program.version])
    }

    @Test(
        "a person is told that there is nothing to list, a script gets the header alone",
        arguments: [
            ("list-units", "units on any machine", "UNIT"), ("list-unit-files", "units", "UNIT"),
            ("list-machines", "machines", "MACHINE"),
        ])
    func nothing(verb: String, subjects: String, header: String) async throws {
        let captured = CapturedConsole()
        let terminal = Console.Stream(isTerminal: true) { captured.console.output.write($0) }
        let person = Program(
            console: Console(output: terminal, errors: captured.console.errors), environment: [:],
            connect: { _ in FakeFleet(machines: []) })
        #expect(await person.run([verb]) == .success)
        #expect(captured.output.isEmpty && captured.errors == "there are no \(subjects)\n")
        let script = await Session.run(verb, on: FakeFleet(machines: []))
        #expect(script.output.hasPrefix(header) && script.output.count { $0 == "\n" } == 1 && script.errors.isEmpty)
    }

    @Test("old answers are told of by their age")
    func ages() {
        let ages = AnswerAges()
        #expect(ages.words == nil)
        func answer(_ age: String, _ asOf: String) -> TransportResponse {
            TransportResponse(
                status: 200, headers: [(name: "age", value: age), (name: "x-flotilla-as-of", value: asOf)])
        }
        ages.note(TransportResponse(status: 200))
        #expect(ages.words == nil)
        ages.note(answer("12", "2026-03-09T14:30:00Z"))
        ages.note(answer("3", "2026-03-09T14:30:09Z"))
        #expect(ages.words == "etcd does not answer; this is as of 2026-03-09T14:30:09Z, 3 s ago")
    }
}
