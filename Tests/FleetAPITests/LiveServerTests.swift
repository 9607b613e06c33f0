// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Glibc
import Logging
import ServiceLifecycle
import Testing

@Suite("The server on real sockets", .timeLimit(.minutes(3)))
struct LiveServerTests {
    private let cluster = MemoryCluster(Sample.unit("a.service"))
    private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test("several addresses are served at once")
    func severalListeners() async throws {
        try await withTemporaryFolder { folder async throws in
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: cluster, listeners: [.unix(path: "\(folder)/a.sock"), .tcp(host: "127.0.0.1", port: 0)],
                version: "9.9", logger: Self.quiet, onListening: { isListening.yield($0) })
            let running = Task { try await server.run() }
            var iterator = listening.makeAsyncIterator()
            for _ in 0..<2 {
                let endpoint = try #require(await iterator.next(isolation: #isolation))
                #expect(try await FleetClient(endpoint: endpoint).units().map(\.name) == ["a.service"])
            }
            running.cancel()
            _ = await running.result
        }
    }

    @Test("an address that cannot be had ends the server with an error")
    func takenPort() async throws {
        try await withServer(cluster, at: .tcp(host: "127.0.0.1", port: 0)) { endpoint async throws in
            let second = FleetAPIServer(access: cluster, listeners: [endpoint], version: "9.9", logger: Self.quiet)
            await #expect(throws: (any Error).self) { try await second.run() }
        }
    }

    @Test("a graceful shutdown ends streams of events and then the server")
    func gracefulShutdown() async throws {
        try await withTemporaryFolder { folder async throws in
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: cluster, listeners: [.unix(path: "\(folder)/a.sock")], version: "9.9", logger: Self.quiet,
                onListening: { isListening.yield($0) })
            let group = ServiceGroup(services: [server], logger: Self.quiet)
            let running = Task { try await group.run() }
            var iterator = listening.makeAsyncIterator()
            let endpoint = try #require(await iterator.next(isolation: #isolation))
            var events = try await FleetClient(endpoint: endpoint).events().makeAsyncIterator()
            #expect(try await events.next(isolation: #isolation)?.change == .sync)
            await group.triggerGracefulShutdown()
            await #expect(throws: APIError.self) { _ = try await events.next(isolation: #isolation) }
            try await running.value
        }
    }

    /// A stream with one word.
    private struct Word: ReplyStream {
        func run(write: ([UInt8]) async throws -> Void) async throws { try await write(Array("word".utf8)) }
        func close() {}
    }

    @Test(
        "a stream that ends takes nothing along, whether its request's body was read or not", arguments: [true, false])
    func endedStream(isRead: Bool) async throws {
        let route = Route(.made(.post, API.ownPrefix + "/word")) { (request, _) async throws(ServerFailure) in
            if isRead { _ = try await request.body() }
            return ServerReply(status: 200, headers: [], body: .stream(Word()))
        }
        try await withTemporaryFolder { folder async throws in
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: cluster, listeners: [.unix(path: "\(folder)/a.sock")], version: "9.9", extraRoutes: [route],
                logger: Self.quiet, onListening: { isListening.yield($0) })
            let running = Task { try await server.run() }
            var iterator = listening.makeAsyncIterator()
            let endpoint = try #require(await iterator.next(isolation: #isolation))
            // Half of them ended the program before.
            for _ in 0..<20 {
                let answer = try await Asker(at: endpoint)("POST", API.ownPrefix + "/word", body: "{}")
                #expect(answer.status == 200)
            }
            running.cancel()
            _ = await running.result
        }
    }

    @Test("a body that is too large is refused, announced or not")
    func largeBody() async throws {
        var limits = FleetAPIServer.Limits()
        limits.bounds[.socket].body = 1000
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let body = #"{"contents":"\#(String(repeating: "#", count: 2000))"}"#
            let answer = try await Asker(at: endpoint)("PUT", "/fleet/v1/units/b.service", body: body)
            #expect(answer.status == 413)
            #expect(try answer.json["error"]?["code"] == 413)
            let chunked = try RawConnection(endpoint)
            chunked.send(
                "PUT /fleet/v1/units/b.service HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n\(String(repeating: " ", count: 2000))\r\n0\r\n\r\n")
            #expect(await chunked.readToEnd().hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("a unit file of the largest size goes in and out")
    func largestFile() async throws {
        try await withServer(cluster) { endpoint async throws in
            let client = FleetClient(endpoint: endpoint)
            let head = "[Service]\nExecStart=/bin/true\n"
            let line = "# \(String(repeating: "\u{e4}\"", count: 300))\n"
            let count = (UnitFile.sizeLimit - head.utf8.count) / line.utf8.count
            let unit = API.Unit(name: "big.service", contents: head + String(repeating: line, count: count))
            try await client.create(unit)
            #expect(try await client.unit("big.service").contents == unit.contents)
        }
    }

    @Test("endless headers are cut off")
    func largeHead() async throws {
        var limits = FleetAPIServer.Limits()
        limits.head = 4096
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send(
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            let answer = await connection.readToEnd()
            #expect(!answer.hasPrefix("HTTP/1.1 2"))
        }
    }

    @Test(
        "who is too slow with a request is cut off",
        arguments: [
            "", "GET /healthz HT",
            "PUT /fleet/v1/units/b.service HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: 100\r\n\r\n{",
        ])
    func slowRequest(text: String) async throws {
        var limits = FleetAPIServer.Limits()
        limits.request = .seconds(2)
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send(text)
            #expect(await !connection.readToEnd().hasPrefix("HTTP/1.1 2"))
        }
    }

    @Test("a connection that rests after its answer is closed, a stream of events is not")
    func restingConnections() async throws {
        var limits = FleetAPIServer.Limits()
        limits.request = .seconds(2)
        try await withServer(cluster, limits: limits) { endpoint async throws in
            var events = try await FleetClient(endpoint: endpoint).events().makeAsyncIterator()
            #expect(try await events.next(isolation: #isolation)?.change == .sync)
            let connection = try RawConnection(endpoint)
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            // The end of this connection proves that more time has gone by than a resting one gets.
            #expect(await connection.readToEnd().hasPrefix("HTTP/1.1 200 "))
            cluster.apply(Sample.unit("z.service"))
            #expect(try await events.next(isolation: #isolation)?.name == "unit")
        }
    }

    @Test("who does not take an answer in is cut off")
    func stalledReader() async throws {
        var limits = FleetAPIServer.Limits()
        limits.stall = .milliseconds(100)
        cluster.apply((0..<20_000).flatMap { Sample.unit("u\($0).service") })
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send("GET /fleet/v1/events?snapshot=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually({ cluster.watchersEver == 1 }, "the stream does not begin")
            try await eventually({ cluster.watcherCount == 0 }, "the server waits for a client that does not read")
            connection.end()
        }
    }

    @Test("connections beyond the limit wait for their turn")
    func connectionLimit() async throws {
        var limits = FleetAPIServer.Limits()
        limits.connections = 1
        try await withServer(cluster, limits: limits) { endpoint async throws in
            let first = try RawConnection(endpoint)
            first.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(await first.read().hasPrefix("HTTP/1.1 200 "))
            async let second = Asker(at: endpoint)("GET", "/healthz").status
            first.end()
            #expect(try await second == 200)
        }
    }

    @Test("an unclean path is redirected")
    func redirection() async throws {
        try await withServer(cluster) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send(
                "GET /fleet/v1/../v1//units?all=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let lines = await connection.readToEnd().lowercased().split(separator: "\r\n")
            #expect(lines.first?.hasPrefix("http/1.1 301 ") == true)
            #expect(lines.contains("location: /fleet/v1/units?all=true"))
        }
    }

    @Test("an answer without content has neither content type nor length; a HEAD has no body")
    func framing() async throws {
        try await withServer(cluster) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send(
                "DELETE /fleet/v1/units/a.service HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    + "HEAD /fleet/v1/units HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let text = await connection.readToEnd().lowercased()
            let parts = text.split(separator: "\r\n\r\n", omittingEmptySubsequences: false)
            try #require(parts.count == 3)
            #expect(parts[0].hasPrefix("http/1.1 204 ") && !parts[0].contains("content-"))
            #expect(parts[1].hasPrefix("http/1.1 405 ") && parts[2].isEmpty)
        }
    }
}

extension Asker {
    init(at endpoint: APIEndpoint) { self.init(transport: CurlTransport(endpoint: endpoint)) }
}
