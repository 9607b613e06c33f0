// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import Logging
import Testing

/// Who acts on an order by ending answers first.
@Suite("The answers of a server that ends", .timeLimit(.minutes(5)))
struct FarewellTests {
    private static let path = "/flotilla/v1/end"

    /// A server whose caller's order ends it, as an agent's that adopts another store does.
    private struct EndingServer {
        private(set) var limits = FleetAPIServer.Limits()
        /// What the order is answered with after it has been acted on; `nil` for no answer at all.
        let answer: (@Sendable () async -> [UInt8])?

        init(farewell: Duration = .seconds(60), answer: (@Sendable () async -> [UInt8])? = { [] }) {
            limits.farewell = farewell
            self.answer = answer
        }

        /// Serves until the order has come, and has ended when this returns.
        func run(tcp: Bool = false, _ ask: @Sendable @escaping (APIEndpoint) async throws -> Void) async throws {
            try await withTemporaryFolder { folder async throws in
                let (orders, order) = AsyncStream<Void>.makeStream()
                let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
                let answer = answer
                let route = Route(.made(.post, FarewellTests.path)) { (_, _) async throws(ServerFailure) in
                    order.yield()
                    guard let answer else {
                        let (silence, end) = AsyncStream<Void>.makeStream()
                        defer { end.finish() }
                        for await _ in silence {}
                        throw ServerFailure(503)
                    }
                    return ServerReply(status: 200, body: .bytes(await answer()))
                }
                let server = FleetAPIServer(
                    access: MemoryCluster(),
                    listeners: [tcp ? .tcp(host: "127.0.0.1", port: 0) : .unix(path: "\(folder)/a.sock")],
                    version: "9.9", limits: limits, extraRoutes: [route],
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                    onListening: { isListening.yield($0) })
                let running = Task { try await server.run() }
                var endpoints = listening.makeAsyncIterator()
                let endpoint = try #require(await endpoints.next(isolation: #isolation))
                let asking = Task { try await ask(endpoint) }
                for await _ in orders { break }
                running.cancel()
                _ = await running.result
                try await asking.value
            }
        }
    }

    @Test("who gave the order that ends it has the whole answer, however long that is", arguments: [0, 40, 1_000_000])
    func wholeAnswer(size: Int) async throws {
        for round in 0..<150 {
            let server = EndingServer {
                // The end is on its way before the answer is.
                for _ in 0..<round % 40 { await Task.yield() }
                return [UInt8](repeating: 7, count: size)
            }
            try await server.run { endpoint in
                let answer = try await Asker(at: endpoint)("POST", Self.path)
                #expect(answer.status == 200 && answer.body.count == size, "round \(round)")
            }
        }
    }

    @Test("a request that has no answer does not keep it for ever")
    func noAnswer() async throws {
        try await EndingServer(farewell: .milliseconds(100), answer: nil).run { endpoint in
            await #expect(throws: TransportFailure.self) { try await Asker(at: endpoint)("POST", Self.path) }
        }
    }

    @Test("neither a stream of events nor a connection at rest keeps it")
    func streams() async throws {
        try await EndingServer(farewell: .seconds(3600)).run { endpoint in
            let client = FleetClient(endpoint: endpoint)
            var events = try await client.events().makeAsyncIterator()
            #expect(try await events.next(isolation: #isolation)?.change == .sync)
            let resting = try RawConnection(endpoint)
            resting.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(await resting.read().hasPrefix("HTTP/1.1 200 "))
            #expect(try await Asker(at: endpoint)("POST", Self.path).status == 200)
            await #expect(throws: APIError.self) { _ = try await events.next(isolation: #isolation) }
            resting.end()
        }
    }

    @Test("nor does a client that has gone")
    func goneClient() async throws {
        try await EndingServer(farewell: .seconds(3600), answer: nil).run(tcp: true) { endpoint in
            let connection = try RawConnection(endpoint)
            connection.send("POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            connection.reset()
        }
    }
}
