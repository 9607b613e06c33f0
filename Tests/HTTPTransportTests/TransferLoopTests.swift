// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(5)))
struct TransferLoopTests {
    /// The order in which a task that is cancelled from another thread may give its commands.
    @Test("a cancellation that overtakes the start still ends the request, with nothing sent")
    func cancellationBeforeStart() async throws {
        let server = try RawServer { while $0.readRequest() != nil { $0.answer("ok") } }
        let client = HTTPClient()
        let (results, result) = AsyncStream<Result<HTTPResponse, HTTPError>>.makeStream()
        let transfer = Transfer(request: HTTPRequest(url: server.url + "/never"), receiver: .whole { result.yield($0) })
        client.loop.cancel(transfer)
        // Once this one is answered, the loop has dealt with the cancellation.
        _ = try await client.send(HTTPRequest(url: server.url + "/other"))
        client.loop.start(transfer)
        var iterator = results.makeAsyncIterator()
        let outcome = try #require(await iterator.next())
        let error = try #require(throws: HTTPError.self) { try outcome.get() }
        #expect(error.code == .cancelled)
        #expect(!error.mayHaveReachedServer)
        #expect(server.requests.map(\.line) == ["GET /other HTTP/1.1"])
    }

    @Test("a loop that is stopped ends what is under way, and what comes later")
    func stopped() async throws {
        let (arrivals, arrived) = AsyncStream<Bool>.makeStream()
        let server = try RawServer { connection in
            _ = connection.readRequest()
            arrived.yield(true)
            connection.waitForClose()
        }
        let client = HTTPClient()
        let task = Task { try await client.send(HTTPRequest(url: server.url)) }
        for await _ in arrivals { break }
        client.loop.stop()
        let error = try await #require(throws: HTTPError.self) { try await task.value }
        #expect(error.code == .aborted)
        let late = try await #require(throws: HTTPError.self) { try await client.send(HTTPRequest(url: server.url)) }
        #expect(late.code == .aborted)
        #expect(!late.mayHaveReachedServer)
    }
}
