// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import Logging
import Synchronization
import Testing

@testable import FleetAPIServer

@Suite("Journals over a real socket", .timeLimit(.minutes(5)))
struct JournalServerTests {
    /// Notes when the last reader of an endless journal goes.
    private final class EndlessJournal: JournalSource {
        let (ended, end) = AsyncStream<Void>.makeStream()

        func items(_ query: API.JournalQuery) async throws -> AsyncThrowingStream<[API.JournalItem], any Error> {
            let (stream, continuation) = AsyncThrowingStream<[API.JournalItem], any Error>.makeStream()
            let entry = API.JournalEntry(
                time: 1, machine: Sample.machineA.rawValue, unit: "web.service", message: "\u{1F600} first", cursor: "c"
            )
            continuation.yield([.entry(entry), .caughtUp])
            continuation.onTermination = { [end] _ in end.yield() }
            return stream
        }
    }

    @Test("an entry arrives while the answer goes on, and a client that goes ends the reading")
    func follow() async throws {
        let cluster = MemoryCluster(
            Sample.unit("web.service", .launched) + [
                Sample.machine(Sample.machineA), Sample.assigned("web.service"),
            ])
        let journal = EndlessJournal()
        let sources = JournalSources(machine: Sample.machineA, local: journal, remote: { _ in nil })
        try await withTemporaryFolder { folder async throws in
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: cluster, listeners: [.unix(path: "\(folder)/a.sock")], version: "9.9",
                extraRoutes: JournalRoutes(access: cluster, sources: sources).routes,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                onListening: { isListening.yield($0) })
            let running = Task { try await server.run() }
            var endpoints = listening.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next(isolation: #isolation))
            let seen = try await first(of: FleetClient(endpoint: endpoint))
            guard case .began(let began) = try #require(seen.first) else {
                Issue.record("\(seen)")
                return
            }
            #expect(began > 1_600_000_000_000_000)
            #expect(
                seen.dropFirst().first
                    == .entry(
                        API.JournalEntry(
                            time: 1, machine: Sample.machineA.rawValue, unit: "web.service", message: "\u{1F600} first",
                            cursor: "c")))
            #expect(seen.last == .caughtUp)
            for await _ in journal.ended { break }
            running.cancel()
            _ = await running.result
        }
    }

    /// What comes up to the mark; then the client goes.
    private func first(of client: FleetClient) async throws -> [API.JournalItem] {
        var seen: [API.JournalItem] = []
        for try await items in try await client.journal(API.JournalQuery(units: ["web.service"], follow: true)) {
            seen += items
            if seen.last == .caughtUp { break }
        }
        return seen
    }
}
