// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import Logging
import Testing

@Suite("The server among connections that do harm", .timeLimit(.minutes(3)))
struct ConnectionAbuseTests {
    /// One server at a unix socket and a port, as agents have it.
    private struct Rig {
        var server: FleetAPIServer
        var socket: APIEndpoint
        var port: APIEndpoint

        /// The first line of the answer to a plain request; empty when the server closed instead.
        func ask(_ endpoint: APIEndpoint, from source: UInt8 = 1) async throws -> String {
            let connection = try RawConnection(endpoint, from: source)
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return String(await connection.readToEnd().prefix { $0 != "\r\n" })
        }

        /// Whether nothing is left of what was done to the server, which answers as ever.
        func isUnharmed() async throws {
            let server = server
            try await eventually({ server.openConnections == 0 }, "connections are left")
            for endpoint in [socket, port] { #expect(try await ask(endpoint) == ConnectionAbuseTests.ok) }
            try await eventually({ server.openConnections == 0 }, "those who asked are left")
        }
    }

    fileprivate static let ok = "HTTP/1.1 200 OK"
    /// Begins a body that never ends by itself.
    private static let chunked =
        "Host: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

    private static func limits(_ change: (inout FleetAPIServer.Limits) -> Void) -> FleetAPIServer.Limits {
        var limits = FleetAPIServer.Limits()
        change(&limits)
        return limits
    }

    private func withRig(
        _ limits: FleetAPIServer.Limits = FleetAPIServer.Limits(), serving cluster: MemoryCluster = MemoryCluster(),
        _ body: (Rig) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder async throws in
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: cluster, listeners: [.unix(path: "\(folder)/a.sock"), .tcp(host: "127.0.0.1", port: 0)],
                version: "9.9", limits: limits,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                onListening: { isListening.yield($0) })
            let running = Task {
                defer { isListening.finish() }
                try await server.run()
            }
            var endpoints: [APIEndpoint] = []
            for await endpoint in listening {
                endpoints.append(endpoint)
                if endpoints.count == 2 { break }
            }
            let result: Result<Void, any Error>
            do {
                let socket = try #require(endpoints.first { if case .unix = $0 { true } else { false } })
                let port = try #require(endpoints.first { $0 != socket })
                try await body(Rig(server: server, socket: socket, port: port))
                result = .success(())
            } catch {
                result = .failure(error)
            }
            running.cancel()
            _ = await running.result
            try result.get()
        }
    }

    @Test(
        "bytes that drip in one by one win no time",
        arguments: [
            "GET /healthz HTTP/1.1\r\nX: ", "PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n",
        ])
    func drip(beginning: String) async throws {
        try await withRig(Self.limits { $0.request = .seconds(2) }) { rig async throws in
            let slow = try RawConnection(rig.port)
            slow.send(beginning)
            try await eventually({ !slow.offer("x") || slow.isClosedByServer }, "each byte wins time")
            slow.end()
            try await rig.isUnharmed()
        }
    }

    @Test(
        "a body without end is cut off, whether it is wanted or not",
        arguments: ["PUT /fleet/v1/units/a.service HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\n"])
    func endlessBody(head: String) async throws {
        try await withRig(
            Self.limits {
                $0.bounds[.operator].body = 100_000
                $0.request = .seconds(2)
            }
        ) { rig async throws in
            let endless = try RawConnection(rig.port)
            endless.send(head + Self.chunked)
            let chunk = "4000\r\n\(String(repeating: " ", count: 0x4000))\r\n"
            // Cut short now and then where the socket is full, which makes no whole chunks: the server stands that, too.
            try await eventually({ !endless.offer(chunk) || endless.isClosedByServer }, "it is read for ever")
            endless.end()
            try await rig.isUnharmed()
        }
    }

    @Test("a body that is announced as too large is refused before it is sent")
    func announcedBody() async throws {
        try await withRig(Self.limits { $0.bounds[.operator].body = 1000 }) { rig async throws in
            let large = try RawConnection(rig.port)
            large.send(
                "PUT /fleet/v1/units/a.service HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 9000000000000000000\r\n\r\n")
            #expect(await large.readToEnd().hasPrefix("HTTP/1.1 413 "))
            try await rig.isUnharmed()
        }
    }

    @Test("a head of too many fields is refused and the connection closed")
    func manyFields() async throws {
        try await withRig { rig async throws in
            let fields = (0..<200).map { "X-\($0): y\r\n" }.joined()
            let talkative = try RawConnection(rig.port)
            talkative.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
            #expect(await !talkative.readToEnd().hasPrefix("HTTP/1.1 2"))
            try await rig.isUnharmed()
        }
    }

    @Test("two fields Host are refused and the connection closed, whatever they say")
    func twoHosts() async throws {
        try await withRig { rig async throws in
            for second in ["localhost", "evil.example", ""] {
                let doubtful = try RawConnection(rig.port)
                doubtful.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: \(second)\r\n\r\n")
                #expect(await doubtful.readToEnd().hasPrefix("HTTP/1.1 400 "))
            }
            try await rig.isUnharmed()
        }
    }

    @Test(
        "connections that are reset midway leave nothing",
        arguments: [
            "", "GET /hea", "PUT /fleet/v1/units/a.service HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
            "GET /fleet/v1/events?snapshot=true HTTP/1.1\r\nHost: localhost\r\n\r\n", "\u{0}\u{1}\u{2}",
        ])
    func reset(text: String) async throws {
        try await withRig { rig async throws in
            let connections = try (0..<50).map { _ in try RawConnection(rig.port) }
            for connection in connections { connection.send(text) }
            let server = rig.server
            // Those that are more than a stranger may have, and those that make no sense, are closed as they come.
            try await eventually(
                { server.openConnections + connections.count(where: \.isClosedByServer) == 50 }, "not all came")
            #expect(server.openConnections > 0 || text.contains("\u{0}"), "all are gone before the reset")
            for connection in connections { connection.reset() }
            try await rig.isUnharmed()
        }
    }

    @Test("who asks and never reads is cut off at a port, too")
    func neverReads() async throws {
        let cluster = MemoryCluster()
        cluster.apply((0..<20_000).flatMap { Sample.unit("u\($0).service") })
        try await withRig(Self.limits { $0.stall = .milliseconds(200) }, serving: cluster) { rig async throws in
            let deaf = try RawConnection(rig.port)
            deaf.send("GET /fleet/v1/events?snapshot=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually({ cluster.watchersEver == 1 }, "the stream does not begin")
            try await rig.isUnharmed()
            deaf.end()
        }
    }

    @Test("a port that has all the connections it may have takes more when some end, and the socket answers meanwhile")
    func full() async throws {
        try await withRig(Self.limits { $0.connections = 8 }) { rig async throws in
            let server = rig.server
            let silent = try (0..<100).map { _ in try RawConnection(rig.port) }
            try await eventually({ server.openConnections >= 8 }, "what may come in has not")
            let late = try RawConnection(rig.port, from: 2)
            late.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            #expect(try await rig.ask(rig.socket) == Self.ok)
            // The system hands over those that wait a few at a time, so the bound is exceeded by less than that.
            #expect(server.openConnections < 24)
            #expect(!late.hasAnswer)
            for connection in silent { connection.end() }
            #expect(await late.readToEnd().hasPrefix(Self.ok))
            try await rig.isUnharmed()
        }
    }
}
