// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Logging
import Synchronization
import Testing

@testable import FleetAPIServer

@Suite("What a server that is stopped has to say", .timeLimit(.minutes(3)))
struct OrderlyEndTests {
    /// Keeps what is logged, with its metadata.
    private final class Book: Sendable {
        private let kept = Mutex<[String]>([])

        var lines: [String] { kept.withLock { $0 } }

        func logger() -> Logger { Logger(label: "test") { _ in Handler(book: self) } }

        struct Handler: LogHandler {
            let book: Book
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.trace

            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }

            func log(event: LogEvent) {
                let fields = metadata.map { " \($0.key)=\($0.value)" }.sorted().joined()
                book.kept.withLock { $0.append("\(event.level) \(event.message)\(fields)") }
            }
        }
    }

    @Test("the one line about an end that was asked for is left out, and all others pass as they are")
    func oneLine() {
        let book = Book()
        var logger = book.logger()
        logger.handler = OrderlyEnd(logger.handler)
        logger.error("Waiting on child channel: \(CancellationError())")
        logger.error("Waiting on child channel: too many open files")
        logger[metadataKey: "a"] = "b"
        logger.logLevel = .warning
        logger.info("not said")
        logger.warning("said")
        #expect(book.lines == ["error Waiting on child channel: too many open files", "warning said a=b"])
    }

    @Test("no error is logged when a server is stopped, be it with connections open")
    func stop() async throws {
        let book = Book()
        try await withTemporaryFolder { folder async throws in
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: MemoryCluster(), listeners: [.unix(path: "\(folder)/a.sock")], version: "9.9",
                logger: book.logger(), onListening: { isListening.yield($0) })
            let running = Task { try await server.run() }
            var endpoints = listening.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next(isolation: #isolation))
            let connection = try RawConnection(endpoint)
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(await connection.read().hasPrefix("HTTP/1.1 200 "))
            running.cancel()
            _ = await running.result
            connection.end()
        }
        let errors = book.lines.filter { $0.hasPrefix("error ") }
        #expect(errors.isEmpty, "\(errors)")
    }
}
