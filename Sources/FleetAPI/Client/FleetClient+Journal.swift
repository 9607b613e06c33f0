// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

extension FleetClient {
    /// What the machines' journals hold of units, merged by time; returns once the server has begun to answer.
    ///
    /// - Returns: Items in the order in which the server sends them, in handfuls. Where the query follows, the first is
    ///   `.began`, unless the server is older than that. A reader that is slow slows the server down. The stream throws
    ///   `APIError` when the connection breaks; ending the iteration closes it.
    /// - Throws: `APIError` when the answer cannot begin, with code `.notFound` for a unit that is unknown, and for a
    ///   server that knows no journals.
    package func journal(
        _ query: API.JournalQuery
    ) async throws(APIError) -> AsyncThrowingStream<[API.JournalItem], any Error> {
        try await journal(.readJournal, [], query)
    }

    /// What the journal of one machine holds, asked of that machine itself.
    package func journal(
        ofMachine machine: String, _ query: API.JournalQuery
    ) async throws(APIError) -> AsyncThrowingStream<[API.JournalItem], any Error> {
        try await journal(.readMachineJournal, [machine], query)
    }

    private func journal(
        _ call: APICall, _ names: [String], _ query: API.JournalQuery
    ) async throws(APIError) -> AsyncThrowingStream<[API.JournalItem], any Error> {
        let action = "read the journal"
        let stream: TransportStream
        do {
            stream = try await transport.stream(
                request(call, names, query: query.parameters, accept: API.journalType))
        } catch {
            throw APIError(error, action: action, of: self)
        }
        guard stream.status == 200 else {
            var answer = TransportResponse(status: stream.status, body: await Self.collect(stream.body))
            answer.endpoint = stream.endpoint
            throw refusal(of: answer, action: action)
        }
        let source = JournalLines(stream.body, began: stream.header(API.journalBeganHeader).flatMap { Int64($0) })
        let asked = stream.endpoint
        // Pulled, so that nothing piles up here.
        return AsyncThrowingStream {
            do {
                return try await source.next()
            } catch let failure as TransportFailure {
                throw APIError(failure.asked(of: asked), action: action, of: self)
            } catch let failure as JournalLineParser.Failure {
                let what = failure == .overflow ? "a line of endless length" : "a line that does not read"
                throw malformed(what, from: asked, action: action)
            }
        }
    }
}

/// Reads a stream's lines, for one task at a time.
private actor JournalLines {
    private var bytes: AsyncThrowingStream<[UInt8], any Error>.Iterator?
    private var parser = JournalLineParser()
    /// What the answer's head says before any line; `nil` once it is told.
    private var began: Int64?

    init(_ body: AsyncThrowingStream<[UInt8], any Error>, began: Int64?) {
        bytes = body.makeAsyncIterator()
        self.began = began
    }

    /// The items that came with the next piece; none for a piece that completes no line, `nil` at the end.
    func next() async throws -> [API.JournalItem]? {
        if let time = began.take() { return [.began(time)] }
        // Out of the actor's state while it is used: a second caller finds nothing.
        guard var iterator = bytes.take() else { return nil }
        guard let piece = try await iterator.next(isolation: self) else {
            if parser.isWithinLine { throw TransportFailure(.broken, "the answer ended within a line") }
            return nil
        }
        bytes = iterator
        return try parser.consume(piece)
    }
}
