// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Etcd

@Suite(.etcd, .timeLimit(.minutes(5)))
struct EtcdWatchTests {
    @Test("a watch shows what was and what comes, one batch for each revision")
    func historyAndFuture() async throws {
        let client = try SharedEtcd.client()
        let first = try await client.put("history/a", [1])
        try await client.put("elsewhere", [1])
        let second = try await client.commit(
            Transaction(then: [.put("history/b", [2]), .delete(.key("history/a")), .put("elsewhere", [2])]))
        let (marks, mark) = AsyncStream<Int64>.makeStream()
        let reader = Task {
            try await collect(client.watch(.prefix("history/"), from: first)) { batches in
                mark.yield(batches.last?.revision ?? 0)
                return batches.count == 3
            }
        }
        for await revision in marks where revision == second.revision { break }
        let third = try await client.put("history/c", [3])
        let batches = try await reader.joined()
        try #require(batches.map(\.revision) == [first, second.revision, third])
        #expect(batches[0].events.map(\.key) == ["history/a"])
        #expect(Set(batches[1].events.map(\.key)) == ["history/a", "history/b"])
        #expect(batches[1].events.contains(.delete(key: "history/a", modRevision: second.revision)))
        #expect(batches[2].events.map(\.key) == ["history/c"])
    }

    @Test("a watch of one key sees no other")
    func oneKey() async throws {
        let client = try SharedEtcd.client()
        let first = try await client.put("one", [1])
        try await client.put("one/more", [2])
        try await client.put("one", [3])
        let batches = try await collect(client.watch(.key("one"), from: first)) { $0.count == 2 }
        #expect(batches.flatMap(\.events).map(\.key) == ["one", "one"])
    }

    @Test("a watch from now on shows nothing older")
    func fromNow() async throws {
        let client = try SharedEtcd.client()
        let old = try await client.put("now", [1])
        let reader = Task { try await collect(client.watch(.key("now"), from: 0)) { _ in true } }
        let writer = Task {
            while !Task.isCancelled { try await client.put("now", [2]) }
        }
        let batches = try await reader.joined()
        writer.cancel()
        _ = await writer.result
        #expect(try #require(batches.first).revision > old)
    }

    @Test("a revision that is compacted away is reported, not skipped")
    func compacted() async throws {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(30))
        for number in 0..<10 { try await client.put("compacted", [UInt8(number)]) }
        let newest = try await client.put("compacted", [99])
        try await client.compact(to: newest)
        let error = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.key("compacted"), from: 3)) { _ in true }
        }
        #expect(error.code == .compacted)
        #expect(!error.isTransient)
        let read = try await #require(throws: EtcdError.self) { try await client.get(.key("compacted"), revision: 3) }
        #expect(read.code == .compacted)
        #expect(try await client.get(.key("compacted"), revision: 0).keys.map(\.value) == [[99]])
        // From the revision that is left, it works.
        let batches = try await collect(client.watch(.key("compacted"), from: newest)) { _ in true }
        #expect(batches.map(\.revision) == [newest])
    }

    @Test("a revision stays whole, whether or not etcd splits a large answer", arguments: [false, true])
    func fragments(usesFragments: Bool) async throws {
        let client = try SharedEtcd.client()
        let prefix = "fragments\(usesFragments)/"
        let value = [UInt8](repeating: 3, count: 11_000)
        var revisions: [Int64] = []
        for round in 0..<6 {
            let puts = (0..<100).map { Operation.put("\(prefix)\($0)", value + [UInt8(round)]) }
            revisions.append(try await client.commit(Transaction(then: puts)).revision)
        }
        let reader = WatchReader(
            client: client, selector: .prefix(prefix), from: revisions[0], usesFragments: usesFragments)
        var batches: [WatchBatch] = []
        while batches.count < 6 { batches.append(try #require(try await reader.next())) }
        #expect(batches.map(\.revision) == revisions)
        #expect(batches.map(\.events.count) == [100, 100, 100, 100, 100, 100])
        for (round, batch) in batches.enumerated() {
            #expect(Set(batch.events.map(\.key)).count == 100)
            for case .put(let pair) in batch.events { #expect(pair.value.last == UInt8(round)) }
        }
    }

    @Test("cancelling the reader ends its watch without an error")
    func cancelled() async throws {
        let client = try SharedEtcd.client()
        let first = try await client.put("cancelled-watch", [1])
        let (marks, mark) = AsyncStream<Bool>.makeStream()
        let reader = Task {
            try await collect(client.watch(.key("cancelled-watch"), from: first)) { _ in
                mark.yield(true)
                return false
            }
        }
        for await _ in marks { break }
        reader.cancel()
        #expect(try await reader.joined().map(\.revision) == [first])
    }

    @Test("a store that is far behind the revision asked for is not the same store")
    func shorterHistory() async throws {
        let client = try SharedEtcd.client()
        let error = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.key("shorter"), from: 1_000_000)) { _ in true }
        }
        #expect(error.code == .storeReplaced)
    }

    @Test("an answer that is too large to be handed on whole is asked for in pieces")
    func tooLargeForGateway() async throws {
        let server = try RawServer { connection in
            guard let request = connection.readRequest() else { return }
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            connection.send("{\"result\":{\"header\":{\"cluster_id\":\"1\",\"revision\":\"9\"},\"created\":true}}\n")
            guard String(decoding: request.body, as: UTF8.self).contains("\"fragment\":true") else {
                connection.send(
                    "{\"error\":{\"grpc_code\":8,\"message\":\"grpc: received message larger than max (9 vs. 4)\"}}\n")
                return
            }
            for isLast in [false, true] {
                connection.send(
                    "{\"result\":{\"header\":{\"cluster_id\":\"1\"},\"fragment\":\(!isLast),"
                        + "\"events\":[{\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"9\"}}]}}\n")
            }
            connection.waitForClose()
        }
        let client = try EtcdClient(EtcdConfiguration(endpoints: [server.url]))
        let batches = try await collect(client.watch(.key("a"), from: 9)) { _ in true }
        #expect(batches.map(\.revision) == [9])
        #expect(batches.first?.events.count == 2)
        #expect(server.requests.count == 2)
    }

    @Test("a watch hears of progress that does not concern it")
    func progress() async throws {
        // etcd 3.4 reports progress every ten minutes only, so a server of the test's own does it.
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            connection.send("{\"result\":{\"header\":{\"cluster_id\":\"1\",\"revision\":\"7\"},\"created\":true}}\n")
            connection.send("{\"result\":{\"header\":{\"cluster_id\":\"1\",\"revision\":\"9\"}}}\n")
            connection.waitForClose()
        }
        let client = try EtcdClient(EtcdConfiguration(endpoints: [server.url]))
        let batches = try await collect(client.watch(.key("progress"), from: 8)) { _ in true }
        #expect(batches == [WatchBatch(revision: 9, events: [])])
    }
}
