// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct HTTPErrorTests {
    private let client = HTTPClient()

    private func failure(of request: HTTPRequest) async throws -> HTTPError {
        try await #require(throws: HTTPError.self) { try await client.send(request) }
    }

    @Test("a port where nobody listens refuses, and nothing was sent")
    func refused() async throws {
        let url = try RawServer { _ in }.url
        let error = try await failure(of: HTTPRequest(method: "POST", url: url))
        #expect(error.code == .connectionRefused)
        #expect(error.isTransient)
        #expect(!error.mayHaveReachedServer)
        #expect(error.message.contains(url))
    }

    @Test("a unix socket that does not exist is named in the message")
    func missingSocket() async throws {
        let error = try await failure(of: HTTPRequest(url: "http://localhost/", unixSocket: "/nowhere/flotilla.sock"))
        #expect(error.code == .hostUnreachable)
        #expect(!error.mayHaveReachedServer)
        #expect(error.message.contains("/nowhere/flotilla.sock"))
        #expect(error.message.contains("No such file"))
    }

    @Test("a server that takes the request and says nothing runs into the deadline")
    func hung() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        let error = try await failure(of: HTTPRequest(url: server.url, deadline: .seconds(2)))
        #expect(error.code == .timedOut)
        #expect(error.isTransient)
        #expect(error.mayHaveReachedServer)
    }

    @Test("a cancelled task gets its error at once and the server sees the connection go")
    func cancelled() async throws {
        let (arrivals, arrived) = AsyncStream<String>.makeStream()
        let server = try RawServer { connection in
            _ = connection.readRequest()
            arrived.yield("request")
            connection.waitForClose()
            arrived.yield("closed")
        }
        let task = Task { [client] in try await client.send(HTTPRequest(url: server.url, deadline: .seconds(3_600))) }
        var events = arrivals.makeAsyncIterator()
        #expect(await events.next() == "request")
        task.cancel()
        let error = try await #require(throws: HTTPError.self) { try await task.value }
        #expect(error.code == .cancelled)
        #expect(error.mayHaveReachedServer)
        #expect(await events.next() == "closed")
    }

    @Test("a task that is cancelled already sends nothing")
    func cancelledBefore() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer("ok") }
        }
        let task = Task { [client] in
            while !Task.isCancelled { await Task.yield() }
            return try await client.send(HTTPRequest(url: server.url))
        }
        task.cancel()
        let error = try await #require(throws: HTTPError.self) { try await task.value }
        #expect(error.code == .cancelled)
        #expect(!error.mayHaveReachedServer)
        #expect(server.requests.isEmpty)
    }

    @Test("an answer over the limit is refused", arguments: [(999, true), (1_000, true), (1_001, false)])
    func tooLarge(size: Int, fits: Bool) async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer(String(repeating: "x", count: size)) }
        }
        let request = HTTPRequest(url: server.url, bodyLimit: 1_000)
        if fits {
            #expect(try await client.send(request).body.count == size)
        } else {
            let error = try await failure(of: request)
            #expect(error.code == .tooLarge)
            #expect(!error.isTransient)
            #expect(error.message.contains("1000"))
        }
    }

    @Test("an answer that breaks off is no answer")
    func brokenOff() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        }
        let error = try await failure(of: HTTPRequest(url: server.url))
        #expect(error.code == .aborted)
        #expect(error.isTransient)
        #expect(error.mayHaveReachedServer)
    }

    @Test("what is not HTTP is called so")
    func nonsense() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.send("SSH-2.0-OpenSSH_9.2\r\n")
        }
        let error = try await failure(of: HTTPRequest(url: server.url))
        #expect(error.code == .protocolError)
        #expect(!error.isTransient)
    }

    @Test(
        "a request that is not repeatable goes out once, even when a kept connection breaks under it",
        arguments: [("POST", nil, 1), ("GET", nil, 2), ("POST", true, 2), ("GET", false, 1)] as [(String, Bool?, Int)])
    func brokenKeptConnection(method: String, isRepeatable: Bool?, timesSent: Int) async throws {
        // The first connection answers once and then breaks on the second request, as a server does that dies
        // after it has carried a request out.
        let server = try RawServer { connection in
            guard let first = connection.readRequest() else { return }
            connection.answer("ok")
            if first.line.contains("/first") {
                _ = connection.readRequest()
            } else {
                _ = connection.readRequest().map { _ in connection.answer("ok") }
            }
        }
        _ = try await client.send(HTTPRequest(url: server.url + "/first"))
        let request = HTTPRequest(
            method: method, url: server.url + "/second", body: method == "POST" ? [1] : [], isRepeatable: isRepeatable)
        if timesSent == 1 {
            let error = try await failure(of: request)
            #expect(error.code == .aborted)
            #expect(error.mayHaveReachedServer)
        } else {
            #expect(try await client.send(request).status == 200)
        }
        #expect(server.requests.filter { $0.line.contains("/second") }.count == timesSent)
    }

    @Test(
        "a request that would say something else than was meant is not sent",
        arguments: [
            HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("X-A", "b\r\nX-Evil: c")]),
            HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("X A", "b")]),
            HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("", "b")]),
            HTTPRequest(method: "GET / HTTP/1.1\r\nX:", url: "http://127.0.0.1:1/"),
            HTTPRequest(url: "file:///etc/passwd"),
            HTTPRequest(url: "not a url"),
        ])
    func invalid(request: HTTPRequest) async throws {
        let error = try await failure(of: request)
        #expect(error.code == .invalidRequest)
        #expect(!error.isTransient)
        #expect(!error.mayHaveReachedServer)
    }
}
