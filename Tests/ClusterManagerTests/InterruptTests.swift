// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Glibc
import Testing

@testable import ClusterManager

/// The program itself against a real server, left in the middle.
@Suite("ctrl-C", .timeLimit(.minutes(2)))
struct InterruptTests {
    private static let machine = Fixtures.machines(1)[0]

    /// When the command is left.
    enum Moment: String, CaseIterable, Sendable {
        /// The order is out, and its answer is not there.
        case ordered
        /// The machine still has units.
        case waiting
        /// The order to restart is out.
        case restarting
    }

    private static let label = "worker (\(machine.id.prefix(8)))"
    private static let remedy = "cluster-manager uncordon \(machine.id.prefix(8)) opens it"
    private static let goesOn =
        "\(label) goes on handing its units over and takes no new ones; \(remedy); cluster-manager operation watch drain-1 "
        + "follows it, operation pause drain-1 or abort drain-1 stops it"
    /// Of an operation whose name the command has made.
    private static let isUnknown =
        "whether operation drain-NEW has begun is not known; cluster-manager operation show drain-NEW tells"

    @Test(
        "who leaves a drain or a reboot is told what goes on and how it is undone",
        arguments: [
            ("drain", .ordered, isUnknown), ("drain", .waiting, goesOn), ("reboot", .ordered, isUnknown),
            ("reboot", .waiting, goesOn),
            ("reboot", .restarting, "\(label) may be restarting, and takes no new units; \(remedy)"),
        ] as [(String, Moment, String)])
    func words(verb: String, moment: Moment, words: String) async throws {
        let outcome = try await left("\(verb) \(Self.machine.id)", at: moment, by: SIGINT)
        #expect(outcome.status == 130, "\(outcome)")
        let errors = outcome.errors.replacing(/drain-[0-9a-f]{8}/, with: "drain-NEW")
        #expect(errors.hasSuffix("\ncluster-manager: \(words)\n"), "\(outcome.errors)")
    }

    @Test(
        "SIGTERM has the same words, and who asked for JSON gets them as an object",
        arguments: [(SIGINT, 130, true), (SIGTERM, 143, false), (SIGTERM, 143, true)] as [(Int32, Int32, Bool)])
    func forms(signal: Int32, status: Int32, isJSON: Bool) async throws {
        let line = "drain \(Self.machine.id)\(isJSON ? " --output json" : "")"
        let outcome = try await left(line, at: .waiting, by: signal)
        #expect(outcome.status == status, "\(outcome)")
        let words = isJSON ? #"{"note":"\#(Self.goesOn)"}"# : "\ncluster-manager: \(Self.goesOn)"
        #expect(outcome.errors.hasSuffix(words + "\n"), "\(outcome.errors)")
        if isJSON {
            let lines = outcome.errors.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.allSatisfy { $0.hasPrefix("{") }, "\(outcome.errors)")
        }
    }

    @Test("who leaves a start is told, too", arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func start(signal: Int32, status: Int32) async throws {
        try await Fixtures.withFolder(["slow.service": Fixtures.plainText]) { folder in
            let cluster = RunningCluster(machines: 1, outcomes: ["slow.service": "activating/start"])
            try await cluster.serving(in: folder) { socket, _ in
                async let command = run("start '\(folder)/slow.service' 2>'\(folder)/errors'", folder, socket)
                func errors() -> String { (try? String(contentsOfFile: "\(folder)/errors", encoding: .utf8)) ?? "" }
                // What it waits for it says when it has waited for a while.
                while !errors().contains("says activating") { try await Task.sleep(for: .milliseconds(10)) }
                try end(folder, by: signal)
                let outcome = try await command
                #expect(outcome.status == status, "\(outcome)")
                let words = "the cluster goes on starting slow.service; cluster-manager destroy slow.service undoes it"
                #expect(errors().hasSuffix("\ncluster-manager: \(words)\n"), "\(errors())")
            }
        }
    }

    private static let unanswered: [(String, String)] = [
        (
            "cordon \(machine.id)",
            "whether \(label) is cordoned is not known; cluster-manager list-machines shows it; \(remedy)"
        ),
        (
            "uncordon \(machine.id)",
            "whether \(label) takes units again is not known; cluster-manager list-machines shows it; "
                + "cluster-manager cordon \(machine.id.prefix(8)) undoes it"
        ),
        (
            "token revoke 3f2a9c01d4e5",
            "whether token 3f2a9c01d4e5 was revoked is not known; cluster-manager token list shows it"
        ),
        ("brake release", "whether the brake was released is not known; cluster-manager brake shows it"),
    ]

    @Test(
        "who leaves any order before its answer is told that nobody knows, and where it is seen", arguments: unanswered)
    func doubt(line: String, words: String) async throws {
        let outcome = try await left(line, at: .ordered, by: SIGINT)
        #expect(outcome.status == 130, "\(outcome)")
        #expect(outcome.errors.hasSuffix("\ncluster-manager: \(words)\n"), "\(outcome.errors)")
    }

    @Test("who leaves an order about units before its answer is told the same", arguments: [false, true])
    func unit(isJSON: Bool) async throws {
        try await Fixtures.withFolder { folder in
            let (reached, isReached) = AsyncStream<Void>.makeStream()
            let cluster = RunningCluster(
                machines: 1,
                stall: {
                    isReached.yield()
                    try? await Task.sleep(for: .seconds(60))
                })
            let file = try UnitFile(parsing: Fixtures.plainText)
            _ = try await cluster.createUnit(UnitName(unchecked: "web.service"), file: file, target: .launched)
            try await cluster.serving(in: folder) { socket, _ in
                async let command = run("unload web.service\(isJSON ? " --output json" : "")", folder, socket)
                for await _ in reached { break }
                try end(folder, by: SIGINT)
                let outcome = try await command
                #expect(outcome.status == 130, "\(outcome)")
                let doubt =
                    "whether web.service was unloaded is not known; cluster-manager status web.service shows it; "
                    + "cluster-manager start web.service undoes it"
                let words = isJSON ? #"{"note":"\#(doubt)"}"# : "\ncluster-manager: \(doubt)"
                #expect(outcome.errors.hasSuffix(words + "\n"), "\(outcome.errors)")
            }
        }
    }

    /// What came of the program that got `signal` at that moment.
    private func left(_ line: String, at moment: Moment, by signal: Int32) async throws -> Command.Outcome {
        try await Fixtures.withFolder { folder in
            let (reached, isReached) = AsyncStream<Void>.makeStream()
            return try await serving(folder, until: moment, isReached) { socket in
                async let command = run(line, folder, socket)
                for await _ in reached { break }
                try end(folder, by: signal)
                return try await command
            }
        }
    }

    /// Runs the program with these words of a shell, and leaves its number in `folder`.
    private func run(_ line: String, _ folder: String, _ socket: String) async throws -> Command.Outcome {
        // exec keeps the number that the shell has written down.
        let script = "echo $$ >'\(folder)/pid'; exec '\(try Command.clusterManager)' \(line)"
        return try await Command.run(["sh", "-c", script], environment: ["FLOTILLA_ENDPOINT": "unix:\(socket)"])
    }

    private func end(_ folder: String, by signal: Int32) throws {
        let number = try String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
        let process = try #require(pid_t(number.split(separator: "\n")[0]))
        #expect(kill(process, signal) == 0)
    }

    /// Runs `body` with the socket of a server that says when `moment` is there, and then gives no answer that ends anything.
    private func serving<Answer>(
        _ folder: String, until moment: Moment, _ isReached: AsyncStream<Void>.Continuation,
        _ body: (String) async throws -> Answer
    ) async throws -> Answer {
        @Sendable func json<Value: Encodable & SendableMetatype>(_ value: Value) throws(ServerFailure) -> ServerReply {
            guard let body = try? JSONEncoder().encode(value) else { throw ServerFailure(500, "not to be encoded") }
            return ServerReply(
                status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](body)))
        }
        let drain = API.Operation(
            id: "drain-1", kind: "drain", machine: Self.machine.id, by: "user:ann", asked: 1,
            state: moment == .restarting ? "done" : "running", limit: 300)
        /// Until the connection ends, as it does with the program at its other end, or with the server.
        @Sendable func never() async throws(ServerFailure) -> ServerReply {
            isReached.yield()
            try? await Task.sleep(for: .seconds(60))
            throw ServerFailure(503, "nobody waited so long")
        }
        let routes = [
            Route(.readControl) { (_, _) async throws(ServerFailure) in
                try json(
                    API.Control(
                        machine: Self.machine.id, cordoned: false, draining: false, since: 0, by: "", units: []))
            },
            Route(.beginOperation) { (_, _) async throws(ServerFailure) in
                if moment == .ordered { return try await never() }
                return try json(drain)
            },
            Route(.readOperation) { (_, _) async throws(ServerFailure) in
                // Who asks this has the answer to the order.
                if moment == .waiting { isReached.yield() }
                return try json(drain)
            },
            Route(.control("cordon")) { (_, _) async throws(ServerFailure) in try await never() },
            Route(.control("uncordon")) { (_, _) async throws(ServerFailure) in try await never() },
            Route(.revokeToken) { (_, _) async throws(ServerFailure) in try await never() },
            Route(.releaseBrake) { (_, _) async throws(ServerFailure) in try await never() },
            Route(.rebootMachine) { (_, _) async throws(ServerFailure) in try await never() },
        ]
        return try await RunningCluster(machines: 1).serving(in: folder, extraRoutes: routes) { socket, _ in
            try await body(socket)
        }
    }
}
