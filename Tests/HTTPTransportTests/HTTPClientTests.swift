// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct HTTPClientTests {
    private let client = HTTPClient()

    @Test("method, headers and body arrive as they were given", arguments: ["GET", "POST", "PUT", "DELETE", "PATCH"])
    func requestArrives(method: String) async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                connection.answer("seen \(request.body.count)", status: "201 Made", headers: "X-Answer:  yes \r\n")
            }
        }
        let body = method == "GET" ? [] : Array("twelve bytes".utf8)
        let answer = try await client.send(
            HTTPRequest(
                method: method, url: server.url + "/a?b=c",
                headers: [HTTPHeader("X-Word", "b, c"), HTTPHeader("X-No", "")],
                body: body))
        #expect(answer.status == 201)
        #expect(answer.headers.first(named: "x-answer") == "yes")
        #expect(answer.body == Array("seen \(body.count)".utf8))
        let request = try #require(server.requests.first)
        #expect(request.line == "\(method) /a?b=c HTTP/1.1")
        #expect(request.body == body)
        let lines = request.head.split(whereSeparator: \.isNewline).map { $0.lowercased() }
        #expect(lines.contains("x-word: b, c"))
        #expect(lines.contains("x-no:"))
        #expect(!lines.contains { $0.hasPrefix("expect") || $0.hasPrefix("content-type") })
    }

    @Test("the answer to HEAD has no body")
    func head() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") }
        }
        let answer = try await client.send(HTTPRequest(method: "HEAD", url: server.url))
        #expect(answer.status == 200)
        #expect(answer.body.isEmpty)
    }

    @Test("a POST without body says that it has none")
    func emptyPost() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer("ok") }
        }
        _ = try await client.send(HTTPRequest(method: "POST", url: server.url))
        #expect(try #require(server.requests.first).head.contains("Content-Length: 0"))
    }

    @Test("a unix socket is as good as a port")
    func unixSocket() async throws {
        let server = try RawServer(unix: true) { connection in
            while connection.readRequest() != nil { connection.answer("from a socket") }
        }
        let answer = try await client.send(HTTPRequest(url: "http://localhost/x", unixSocket: server.unixSocket))
        #expect(answer.body == Array("from a socket".utf8))
        #expect(server.requests.map(\.line) == ["GET /x HTTP/1.1"])
    }

    @Test("user and password go along with the first request")
    func basicLogin() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer("in") }
        }
        _ = try await client.send(
            HTTPRequest(url: server.url, basicAuth: BasicAuthentication(user: "a", password: "b:c")))
        #expect(server.requests.count == 1)
        #expect(try #require(server.requests.first).head.contains("Authorization: Basic YTpiOmM="))
    }

    @Test("a connection serves one request after the other")
    func reuse() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer("ok") }
        }
        for _ in 0..<20 { _ = try await client.send(HTTPRequest(url: server.url)) }
        #expect(server.requests.count == 20)
        #expect(server.connectionCount == 1)
    }

    @Test("a connection that was idle for longer than servers keep one carries nothing more")
    func idle() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer("ok") }
        }
        var request = HTTPRequest(method: "POST", url: server.url, body: [1])
        #expect(request.longestIdle < 60)
        _ = try await client.send(request)
        request.longestIdle = 1
        // It is time itself that is tested: libcurl counts whole seconds.
        try await Task.sleep(for: .milliseconds(2_100))
        _ = try await client.send(request)
        #expect(server.connectionCount == 2)
        #expect(server.requests.count == 2)
    }

    @Test("many requests run at the same time")
    func parallel() async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                connection.answer(String(decoding: request.body, as: UTF8.self))
            }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask { [client] in
                    let body = Array("number \(number)".utf8)
                    return try await client.send(HTTPRequest(method: "POST", url: server.url, body: body)).body == body
                }
            }
            for try await isEcho in group { #expect(isEcho) }
        }
        #expect(server.requests.count == 200)
    }

    @Test("a redirect is an answer and not followed")
    func redirect() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                connection.answer("", status: "302 Found", headers: "Location: /elsewhere\r\n")
            }
        }
        #expect(try await client.send(HTTPRequest(url: server.url)).status == 302)
        #expect(server.requests.count == 1)
    }

    @Test("heads that only say go on are passed over")
    func interimHead() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
            connection.answer("real", headers: "X-Real: 1\r\n")
        }
        let answer = try await client.send(HTTPRequest(url: server.url))
        #expect(answer.status == 200)
        #expect(answer.headers.first(named: "X-Early") == nil)
        #expect(answer.headers.first(named: "X-Real") == "1")
    }
}
