// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import FleetAPI
import Testing

@testable import FleetAPIServer

@Suite("The server among connections that say nothing", .timeLimit(.minutes(3)))
struct ConnectionLimitTests {
    private static let port = APIEndpoint.tcp(host: "127.0.0.1", port: 0)

    /// The first line of the answer to a request from `127.0.0.<source>`; empty when there is none.
    private func ask(_ endpoint: APIEndpoint, from source: UInt8) async throws -> String {
        let connection = try RawConnection(endpoint, from: source)
        connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return String(await connection.readToEnd().prefix { $0 != "\r\n" })
    }

    /// Opens many on a thread of their own: what waits in the kernel's queue must not take those that serve it.
    private func open(
        _ count: Int, _ endpoint: APIEndpoint, saying text: String = "", from sources: ClosedRange<UInt8> = 1...1
    ) async throws -> [RawConnection] {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "connections").async {
                continuation.resume(
                    with: Result {
                        try (0..<count).map { number in
                            let source = sources.lowerBound + UInt8(number % sources.count)
                            let connection = try RawConnection(endpoint, from: source)
                            connection.send(text)
                            return connection
                        }
                    })
            }
        }
    }

    @Test("a thousand silent connections of one address take its share, and nobody else's")
    func thousandIdle() async throws {
        RawConnection.raiseFileLimit()
        // Those that are kept must not be closed for their silence before all have come.
        var limits = FleetAPIServer.Limits()
        limits.request = .seconds(600)
        try await withServer(MemoryCluster(), at: Self.port, limits: limits) { endpoint async throws in
            let silent = try await open(1000, endpoint)
            let tooMany = 1000 - Bounds()[.stranger].connections
            try await eventually({ silent.count(where: \.isClosedByServer) == tooMany }, "what is too much is closed")
            #expect(try await ask(endpoint, from: 2) == "HTTP/1.1 200 OK")
            #expect(silent.count(where: \.isClosedByServer) == tooMany)
            // What an address gives back it may take again.
            for connection in silent { connection.end() }
            var answer = ""
            while answer.isEmpty { answer = try await ask(endpoint, from: 1) }
            #expect(answer == "HTTP/1.1 200 OK")
        }
    }

    @Test(
        "silent and half-open connections are closed in time, and their address is served again",
        arguments: [
            "", "GET /healthz HTTP/1.1\r\nHost:", "PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        ])
    func closedInTime(text: String) async throws {
        var limits = FleetAPIServer.Limits()
        limits.request = .seconds(2)
        try await withServer(MemoryCluster(), at: Self.port, limits: limits) { endpoint async throws in
            let silent = try await open(Bounds()[.stranger].connections, endpoint, saying: text)
            try await eventually({ silent.allSatisfy(\.isClosedByServer) }, "all are closed")
            // The server counts a connection as gone a moment after we see it closed.
            var answer = ""
            while answer.isEmpty { answer = try await ask(endpoint, from: 1) }
            #expect(answer == "HTTP/1.1 200 OK")
            for connection in silent { connection.end() }
        }
    }

    @Test("a known caller gets through among silent strangers of ever so many addresses, and they do not grow")
    func manyAddresses() async throws {
        RawConnection.raiseFileLimit()
        var limits = FleetAPIServer.Limits()
        limits.request = .seconds(600)
        try await withServer(MemoryCluster(), at: Self.port, limits: limits) { endpoint async throws in
            let silent = try await open(1000, endpoint, from: 2...250)
            let most = Bounds()[.stranger].allConnections
            try await eventually({ silent.count { !$0.isClosedByServer } <= most }, "what is too much is closed")
            for _ in 0..<20 { #expect(try await ask(endpoint, from: 1) == "HTTP/1.1 200 OK") }
            for connection in silent { connection.end() }
        }
    }
}
