// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials
import Synchronization
import Testing

@testable import FleetAPIServer

/// A journal whose every answer a test writes.
private final class ScriptedJournal: JournalSource {
    typealias Answer = AsyncThrowingStream<[API.JournalItem], any Error>

    private let asked = Mutex<[API.JournalQuery]>([])
    private let script: @Sendable (_ question: Int, Answer.Continuation) -> Void

    /// `script` is given the number of the question, from 1.
    init(_ script: @escaping @Sendable (_ question: Int, Answer.Continuation) -> Void) { self.script = script }

    var queries: [API.JournalQuery] { asked.withLock { $0 } }

    func items(_ query: API.JournalQuery) async throws -> Answer {
        let question = asked.withLock { asked in
            asked.append(query)
            return asked.count
        }
        let (answer, continuation) = Answer.makeStream()
        script(question, continuation)
        return answer
    }
}

@Suite("Journals that break off", .timeLimit(.minutes(5)))
struct JournalBreakTests {
    private struct Broken: Error, CustomStringConvertible { var description: String { "the line broke" } }

    /// What a journal tells: its clock at first, if it says that, and in the end that this was all it held.
    private static func items(
        _ machine: MachineID, _ times: [Int64], began: Int64? = nil, isWhole: Bool = false
    ) -> [API.JournalItem] {
        var items: [API.JournalItem] = []
        if let began { items.append(.began(began)) }
        for time in times {
            let entry = API.JournalEntry(
                time: time, machine: machine.rawValue, unit: "web.service", message: "m\(time)",
                cursor: "\(machine.short)\(time)")
            items.append(.entry(entry))
        }
        if isWhole { items.append(.caughtUp) }
        return items
    }

    /// What a feed writes, until it has written an entry of the time `last`.
    private func told(
        _ query: API.JournalQuery, _ a: any JournalSource, _ b: any JournalSource, until last: Int64
    ) async throws -> [API.JournalItem] {
        var cluster = ClusterState()
        for event in [Sample.machine(Sample.machineA), Sample.machine(Sample.machineB)] { cluster.apply(event) }
        var times = JournalFeed.Times()
        times.firstRetry = .milliseconds(1)
        var limits = JournalMerge.Limits()
        limits.silence = nil
        limits.patience = .seconds(600)
        let feed = JournalFeed(
            query: query, sources: JournalSources(machine: Sample.machineA, local: a, remote: { _ in b }),
            cluster: cluster, updates: nil, start: 100, times: times, limits: limits)
        var items: [API.JournalItem] = []
        try await feed.run { bytes in
            for line in bytes.split(separator: 0x0A) {
                items.append(try JSONDecoder().decode(API.JournalItem.self, from: Data(line)))
            }
            if items.contains(where: { $0.entry?.time == last }) { feed.close() }
        }
        return items
    }

    @Test(
        "a journal that breaks off amid the latest entries is asked for the rest of them, which are cut with all others"
    )
    func amidLatest() async throws {
        let (signals, signal) = AsyncStream<Void>.makeStream()
        // Tells what it holds when the other is there again.
        let a = ScriptedJournal { _, answer in
            Task {
                for await _ in signals { break }
                answer.yield(Self.items(Sample.machineA, [53, 55], began: 90, isWhole: true))
            }
        }
        let b = ScriptedJournal { question, answer in
            switch question {
            case 1:
                answer.yield(Self.items(Sample.machineB, [50, 52], began: 95))
                answer.finish(throwing: Broken())
            case 2:
                answer.yield(Self.items(Sample.machineB, [52, 54]))
                answer.finish(throwing: Broken())
            case 3:
                answer.yield(Self.items(Sample.machineB, [54, 56]))
                answer.finish()
            default:
                // Two were written while it was away.
                answer.yield(Self.items(Sample.machineB, [56, 101, 102], began: 120, isWhole: true))
                signal.yield()
            }
        }
        let items = try await told(
            API.JournalQuery(units: ["web.service"], lines: 3, follow: true), a, b, until: 102)
        #expect(items.compactMap(\.entry?.time) == [54, 55, 56, 101, 102])
        let asked = b.queries
        #expect(asked.map(\.follow) == [true, false, false, true])
        #expect(asked.map(\.lines) == [3, nil, nil, nil])
        #expect(asked.map(\.since) == [nil, 52, 54, 56])
        // What was written from then on is none of the latest of before.
        #expect(asked.map(\.until) == [nil, 95, 95, nil])
        #expect(a.queries.count == 1)
    }

    @Test("one that breaks off when all it held is told is asked for what came since, in one go")
    func afterLatest() async throws {
        let a = ScriptedJournal { _, answer in answer.yield(Self.items(Sample.machineA, [], began: 90, isWhole: true)) }
        let b = ScriptedJournal { question, answer in
            let times: [Int64] = question == 1 ? [50, 52] : [52, 101]
            answer.yield(Self.items(Sample.machineB, times, began: 95, isWhole: true))
            if question == 1 { answer.finish(throwing: Broken()) }
        }
        let items = try await told(
            API.JournalQuery(units: ["web.service"], lines: 1, follow: true), a, b, until: 101)
        #expect(items.compactMap(\.entry?.time) == [52, 101])
        #expect(b.queries.map(\.since) == [nil, 52] && b.queries.map(\.follow) == [true, true])
    }
}

extension API.JournalItem {
    fileprivate var entry: API.JournalEntry? { if case .entry(let entry) = self { entry } else { nil } }
}
