// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import ClusterManager

/// The program itself against a real server, left in the middle.
@Suite("ctrl-C", .timeLimit(.minutes(2)))
struct InterruptTests {
    private static let machine = Fixtures.machines(1)[0]
    private static let path = "\(API.ownPrefix)/machines/\(machine.id)"

    /// When the command is left.
    enum Moment: String, CaseIterable, Sendable {
        /// The order is out, and its answer is not there.
        case ordered
        /// The machine still has units.
        case waiting
        /// The order to restart is out.
        case restarting
    }

    @Test(
        "who leaves a drain or a reboot is told what goes on and how it is undone",
        arguments: [
            ("drain", .ordered, "goes on handing its units over and takes no new ones"),
            ("drain", .waiting, "goes on handing its units over and takes no new ones"),
            ("reboot", .ordered, "goes on handing its units over and takes no new ones"),
            ("reboot", .waiting, "goes on handing its units over and takes no new ones"),
            ("reboot", .restarting, "may be restarting, and takes no new units"),
        ] as [(String, Moment, String)])
    func words(verb: String, moment: Moment, words: String) async throws {
        try await Fixtures.withFolder { folder in
            let (reached, isReached) = AsyncStream<Void>.makeStream()
            try await serving(folder, until: moment, isReached) { socket in
                // exec keeps the number that the shell has written down.
                let line = "echo $$ >'\(folder)/pid'; exec '\(try Command.clusterManager)' \(verb) \(Self.machine.id)"
                async let command = Command.run(
                    ["sh", "-c", line], environment: ["FLOTILLA_ENDPOINT": "unix:\(socket)"])
                for await _ in reached { break }
                let number = try String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
                let process = try #require(pid_t(number.split(separator: "\n")[0]))
                #expect(kill(process, SIGINT) == 0)
                let outcome = try await command
                #expect(outcome.status == 130, "\(outcome)")
                let label = "worker (\(Self.machine.id.prefix(8)))"
                #expect(
                    outcome.errors.hasSuffix(
                        "\ncluster-manager: \(label) \(words); cluster-manager uncordon \(Self.machine.id.prefix(8)) opens it\n"
                    ),
                    "\(outcome.errors)")
            }
        }
    }

    /// Runs `body` with the socket of a server that says when `moment` is there, and then gives no answer that ends anything.
    private func serving(
        _ folder: String, until moment: Moment, _ isReached: AsyncStream<Void>.Continuation,
        _ body: (String) async throws -> Void
    ) async throws {
        let isDraining = Mutex(false)
        @Sendable func control() throws(ServerFailure) -> ServerReply {
            let drains = isDraining.withLock { $0 }
            if drains, moment == .waiting { isReached.yield() }
            let control = API.Control(
                machine: Self.machine.id, cordoned: drains, draining: drains, since: 1, by: "user:ann",
                units: moment == .restarting ? [] : ["web.service"], held: [:])
            guard let body = try? JSONEncoder().encode(control) else { throw ServerFailure(500, "not to be encoded") }
            return ServerReply(
                status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes([UInt8](body)))
        }
        /// Until the connection ends, as it does with the program at its other end, or with the server.
        @Sendable func never() async throws(ServerFailure) -> ServerReply {
            isReached.yield()
            try? await Task.sleep(for: .seconds(60))
            throw ServerFailure(503, "nobody waited so long")
        }
        let routes = [
            Route(
                Self.path + "/control", needs: nil, ["GET": { (_, _) async throws(ServerFailure) in try control() }]),
            Route(
                Self.path + "/drain", needs: nil,
                [
                    "POST": { (_, _) async throws(ServerFailure) in
                        if moment == .ordered { return try await never() }
                        isDraining.withLock { $0 = true }
                        return try control()
                    }
                ]),
            Route(
                Self.path + "/reboot", needs: nil, ["POST": { (_, _) async throws(ServerFailure) in try await never() }]
            ),
        ]
        try await RunningCluster(machines: 1).serving(in: folder, extraRoutes: routes) { socket, _ in
            try await body(socket)
        }
    }
}
