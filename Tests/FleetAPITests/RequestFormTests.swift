// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import Testing

@Suite("Requests by the forms of HTTP/1", .timeLimit(.minutes(3)))
struct RequestFormTests {
    private let cluster = MemoryCluster(Sample.unit("a.service"))

    /// Both kinds of plain listeners; TLS has the same channel below it.
    private static let listeners: [APIEndpoint?] = [nil, .tcp(host: "127.0.0.1", port: 0)]
    private static let put =
        "PUT /fleet/v1/units/b.service HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    @Test("HTTP/1.1 without Host is refused, whatever it asks for, and the connection ends", arguments: listeners)
    func noHost(listener: APIEndpoint?) async throws {
        try await withServer(cluster, at: listener) { endpoint async throws in
            for target in ["/healthz", "/fleet/v1/units", "http://localhost/healthz"] {
                let connection = try RawConnection(endpoint)
                connection.send("GET \(target) HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let answer = await connection.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("Host"), "\(answer)")
                #expect(!answer.contains("HTTP/1.1 200"), "\(answer)")
            }
        }
    }

    @Test(
        "HTTP/1.0 is answered in HTTP/1.0 without chunks, and the connection ends",
        arguments: ["", "Connection: keep-alive\r\n", "Host: localhost\r\n"])
    func old(fields: String) async throws {
        try await withServer(cluster) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send("GET /healthz HTTP/1.0\r\n\(fields)\r\n")
            let answer = await connection.readToEnd().lowercased()
            #expect(answer.hasPrefix("http/1.0 200 ") && answer.contains("\r\nconnection: close\r\n"), "\(answer)")

            // An answer whose length nobody knows when it begins.
            let stream = try RawConnection(endpoint)
            stream.send("GET /fleet/v1/events?snapshot=true HTTP/1.0\r\n\(fields)\r\n")
            let beginning = await stream.read().lowercased()
            #expect(beginning.hasPrefix("http/1.0 200 ") && !beginning.contains("chunked"), "\(beginning)")
            stream.end()
        }
    }

    @Test("who asks for the end of the connection is told of it", arguments: ["close", "Close", "te, close"])
    func close(word: String) async throws {
        try await withServer(cluster) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: \(word)\r\n\r\n")
            let answer = await connection.readToEnd().lowercased()
            #expect(answer.hasPrefix("http/1.1 200 ") && answer.contains("\r\nconnection: close\r\n"), "\(answer)")
        }
    }

    @Test(
        "a body that is held back is asked for, and the connection goes on",
        arguments: ["100-continue", "100-Continue"])
    func heldBack(word: String) async throws {
        try await withServer(cluster) { endpoint async throws in
            let connection = try RawConnection(endpoint)
            let body =
                #"{"desiredState":"loaded","options":[{"section":"Service","name":"ExecStart","value":"/bin/true"}]}"#
            connection.send(Self.put + "Content-Length: \(body.utf8.count)\r\nExpect: \(word)\r\n\r\n")
            #expect(await connection.read() == "HTTP/1.1 100 Continue\r\n\r\n")
            connection.send(body)
            #expect(await connection.read().hasPrefix("HTTP/1.1 201 "))
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            #expect(await connection.readToEnd().hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("a body that nobody wants is not asked for, and neither is one that is there or that HTTP/1.0 announces")
    func notAsked() async throws {
        var limits = FleetAPIServer.Limits()
        limits.bounds[.socket].body = 1000
        try await withServer(cluster, limits: limits) { endpoint async throws in
            for (request, status) in [
                (Self.put + "Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413 "),
                (Self.put + "Content-Length: 2\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n{}", "HTTP/1.1 4"),
                (
                    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
                    "HTTP/1.1 200 "
                ),
                (
                    "PUT /fleet/v1/units/b.service HTTP/1.0\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
                    "HTTP/1.0 4"
                ),
            ] {
                let connection = try RawConnection(endpoint)
                connection.send(request)
                let answer = await connection.readToEnd()
                #expect(answer.hasPrefix(status) && !answer.contains("100 Continue"), "\(answer)")
            }
        }
    }

    @Test("an answer without the body that was held back ends the connection, so no later request is taken for it")
    func unsentBody() async throws {
        let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        /// The answers to all of this, each from its status on.
        func answers(_ text: String, from endpoint: APIEndpoint) async throws -> [String] {
            let connection = try RawConnection(endpoint)
            connection.send(text)
            return await connection.readToEnd().lowercased().split(separator: "http/1.1 ").map(String.init)
        }
        try await withServer(cluster) { endpoint async throws in
            for (request, status) in [
                ("PUT /flotilla/v1/nowhere", "404 "), ("PUT /healthz", "405 "), ("GET /healthz", "200 "),
            ] {
                // What goes before it on the connection is answered as ever.
                let told = try await answers(
                    "\(health)\r\n\(request) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                        + "Expect: 100-continue\r\n\r\n", from: endpoint)
                #expect(told.count == 2, "\(told)")
                #expect(
                    told.first?.hasPrefix("200 ") == true && told.first?.contains("\nconnection:") == false, "\(told)")
                #expect(told.last?.hasPrefix(status) == true, "\(request): \(told)")
                #expect(told.last?.contains("\r\nconnection: close\r\n") == true, "\(request): \(told)")
            }
            // Nothing is awaited where the body is there, or none was announced.
            for body in ["Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}", "Expect: 100-continue\r\n\r\n"] {
                let told = try await answers("\(health)\(body)\(health)Connection: close\r\n\r\n", from: endpoint)
                #expect(told.count == 2, "\(told)")
                #expect(told.first?.contains("\nconnection:") == false, "\(told)")
            }
        }
    }
}
