// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct HTTPStreamTests {
    private let client = HTTPClient()
    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

    @Test("pieces come when they are sent, not when the answer is complete", arguments: [false, true])
    func pieces(unix: Bool) async throws {
        let goOn = Gate()
        let server = try RawServer(unix: unix) { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head)
            // Each piece goes out only after the reader has had the one before.
            for piece in ["one", "two", "three"] {
                connection.send(piece)
                goOn.wait()
            }
        }
        let stream = try await client.stream(HTTPRequest(url: server.url, unixSocket: server.unixSocket))
        #expect(stream.status == 200)
        #expect(stream.headers.first(named: "content-type") == "text/event-stream")
        var pieces: [String] = []
        for try await piece in stream {
            pieces.append(String(decoding: piece, as: UTF8.self))
            goOn.open()
        }
        #expect(pieces == ["one", "two", "three"])
    }

    @Test("a piece is read while the answer goes on")
    func readsInTheMiddle() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head + "first")
            connection.waitForClose()
        }
        let stream = try await client.stream(
            HTTPRequest(url: server.url, deadline: .seconds(5)), idle: .report(after: .seconds(1)))
        #expect(try await stream.next() == Array("first".utf8))
        // The deadline is for the head; the body may take longer.
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(6) { #expect(try await stream.next() == []) }
        stream.cancel()
        let error = try await #require(throws: HTTPError.self) { try await stream.next() }
        #expect(error.code == .cancelled)
    }

    @Test("a stream that nobody holds any more is closed")
    func dropped() async throws {
        let (closings, closed) = AsyncStream<Bool>.makeStream()
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head + "first")
            connection.waitForClose()
            closed.yield(true)
        }
        do {
            let stream = try await client.stream(HTTPRequest(url: server.url))
            #expect(stream.status == 200)
        }
        var events = closings.makeAsyncIterator()
        #expect(await events.next() == true)
    }

    @Test("cancelling the reader ends its wait")
    func cancelledReader() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head + "first")
            connection.waitForClose()
        }
        let stream = try await client.stream(HTTPRequest(url: server.url))
        let (readings, read) = AsyncStream<Int>.makeStream()
        let task = Task {
            for try await piece in stream { read.yield(piece.count) }
        }
        var events = readings.makeAsyncIterator()
        #expect(await events.next() == 5)
        task.cancel()
        let error = try await #require(throws: HTTPError.self) { try await task.value }
        #expect(error.code == .cancelled)
    }

    @Test("a quiet stream ends when it may not be quiet")
    func idleFailure() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head + "first")
            connection.waitForClose()
        }
        let stream = try await client.stream(HTTPRequest(url: server.url), idle: .fail(after: .milliseconds(100)))
        #expect(try await stream.next() == Array("first".utf8))
        let error = try await #require(throws: HTTPError.self) { try await stream.next() }
        #expect(error.code == .timedOut)
    }

    @Test("a quiet stream tells its reader and goes on")
    func idleReport() async throws {
        let goOn = Gate()
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head + "first")
            goOn.wait()
            connection.send("second")
        }
        let stream = try await client.stream(HTTPRequest(url: server.url), idle: .report(after: .milliseconds(50)))
        #expect(try await stream.next() == Array("first".utf8))
        #expect(try await stream.next() == [])
        #expect(try await stream.next() == [])
        goOn.open()
        var next = try await stream.next()
        while next == [] { next = try await stream.next() }
        #expect(next == Array("second".utf8))
        next = try await stream.next()
        while next == [] { next = try await stream.next() }
        #expect(next == nil)
    }

    @Test("a head that does not come in time is an error")
    func noHead() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        let error = try await #require(throws: HTTPError.self) {
            try await client.stream(HTTPRequest(url: server.url, deadline: .seconds(2)))
        }
        #expect(error.code == .timedOut)
        #expect(error.mayHaveReachedServer)
    }

    @Test("a stream that breaks off says so")
    func brokenOff() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        }
        let stream = try await client.stream(HTTPRequest(url: server.url))
        #expect(try await stream.next() == Array("first".utf8))
        let error = try await #require(throws: HTTPError.self) { try await stream.next() }
        #expect(error.code == .aborted)
    }

    @Test("a reader that lags behind slows the server down and loses nothing")
    func backPressure() async throws {
        let total = 64 << 20
        let (marks, mark) = AsyncStream<Int>.makeStream()
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head)
            let piece = [UInt8](repeating: 7, count: 65_536)
            var sent = 0
            var hasReported = false
            while sent < total {
                // Blocked for so long: the other side has stopped reading.
                if !hasReported, !connection.canSend(within: 500) {
                    mark.yield(sent)
                    hasReported = true
                }
                guard connection.send(piece) else { return }
                sent += piece.count
            }
            mark.yield(sent)
        }
        let stream = try await client.stream(HTTPRequest(url: server.url))
        var events = marks.makeAsyncIterator()
        let sentUnread = try #require(await events.next())
        #expect(sentUnread < total / 2)
        var received = 0
        for try await piece in stream { received += piece.count }
        #expect(received == total)
    }
}
