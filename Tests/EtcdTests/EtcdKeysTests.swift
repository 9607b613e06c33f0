// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

@Suite(.etcd, .timeLimit(.minutes(5)))
struct EtcdKeysTests {
    @Test("a key is read as it was written", arguments: [[], [0], Array(0...255), [UInt8]("über")])
    func roundTrip(value: [UInt8]) async throws {
        let client = try SharedEtcd.client()
        let key = "roundtrip/ключ \"\\ \(value.count)"
        let written = try await client.put(key, value)
        let (keys, revision) = try await client.get(.key(key), revision: 0)
        #expect(keys == [KeyValue(key: key, value: value, createRevision: written, modRevision: written, version: 1)])
        #expect(revision >= written)
    }

    @Test("what was never written is not there")
    func absent() async throws {
        #expect(try await SharedEtcd.client().get(.key("absent"), revision: 0).keys.isEmpty)
    }

    @Test("a prefix takes its own keys in order, and no neighbour's")
    func prefix() async throws {
        let client = try SharedEtcd.client()
        for key in ["prefix/b", "prefix/a", "prefix/", "prefix", "prefix0", "prefiy"] { try await client.put(key, [1]) }
        let keys = try await client.get(.prefix("prefix/"), revision: 0).keys.map(\.key)
        #expect(keys == ["prefix/", "prefix/a", "prefix/b"])
    }

    @Test("the empty prefix takes every key")
    func everything() async throws {
        let client = try SharedEtcd.client()
        try await client.put("\u{1}first", [1])
        try await client.put("\u{10FFFF}last", [1])
        let keys = try await client.get(.prefix(""), revision: 0).keys.map(\.key)
        #expect(keys.contains("\u{1}first"))
        #expect(keys.contains("\u{10FFFF}last"))
    }

    @Test("an old revision is read as it was")
    func oldRevision() async throws {
        let client = try SharedEtcd.client()
        let first = try await client.put("old", [1])
        try await client.put("old", [2])
        #expect(try await client.get(.key("old"), revision: first).keys.map(\.value) == [[1]])
        #expect(try await client.get(.key("old"), revision: first).revision == first)
        #expect(try await client.get(.key("old"), revision: 0).keys.map(\.value) == [[2]])
    }

    @Test("a thousand keys come in pages that all show one revision", arguments: [7, 100, 999, 1_000, 1_001])
    func pages(pageSize: Int) async throws {
        let client = try SharedEtcd.client { $0.pageSize = pageSize }
        let prefix = "pages\(pageSize)/"
        let names = (0..<1_000).map { prefix + String(10_000 + $0) }
        for start in stride(from: 0, to: names.count, by: 100) {
            let puts = names[start..<(start + 100)].map { Operation.put($0, [0]) }
            _ = try await client.commit(Transaction(then: puts))
        }
        // First and last key always change together, while pages are being read.
        let writer = Task {
            var round: UInt8 = 0
            while !Task.isCancelled {
                round &+= 1
                let puts = [names[0], names[999]].map { Operation.put($0, [round]) }
                _ = try await client.commit(Transaction(then: puts))
            }
        }
        for _ in 0..<3 {
            let (keys, revision) = try await client.get(.prefix(prefix), revision: 0)
            #expect(keys.map(\.key) == names)
            #expect(keys.first?.value == keys.last?.value)
            #expect(keys.allSatisfy { $0.modRevision <= revision })
        }
        writer.cancel()
        _ = await writer.result
    }

    @Test("pages shrink when values are larger than an answer may be")
    func largeValues() async throws {
        let client = try SharedEtcd.client { $0.answerLimit = 300_000 }
        let value = [UInt8](repeating: 5, count: 60_000)
        for number in 0..<9 { try await client.put("large/\(number)", value) }
        let keys = try await client.get(.prefix("large/"), revision: 0).keys
        #expect(keys.map(\.key) == (0..<9).map { "large/\($0)" })
        #expect(keys.allSatisfy { $0.value == value })
    }

    @Test("one value larger than an answer may be is an error that says so")
    func tooLargeValue() async throws {
        let client = try SharedEtcd.client { $0.answerLimit = 20_000 }
        try await client.put("too-large", [UInt8](repeating: 5, count: 60_000))
        let error = try await #require(throws: EtcdError.self) {
            try await client.get(.prefix("too-large"), revision: 0)
        }
        #expect(error.code == .answerTooLarge)
    }

    @Test("deleting counts what was there")
    func delete() async throws {
        let client = try SharedEtcd.client()
        for number in 0..<5 { try await client.put("delete/\(number)", []) }
        #expect(try await client.delete(.key("delete/0")).count == 1)
        #expect(try await client.delete(.prefix("delete/")).count == 4)
        #expect(try await client.delete(.prefix("delete/")).count == 0)
    }

    @Test(
        "the server's refusals are sorted",
        arguments: [
            (Transaction(then: [.put(key: "refused", value: [], lease: LeaseID(4_711))]), EtcdError.Code.leaseNotFound),
            (Transaction(then: [.put("refused", [1]), .put("refused", [2])]), .invalidRequest),
            (Transaction(then: (0...128).map { .put("refused/\($0)", []) }), .invalidRequest),
            (Transaction(then: [.put("", [])]), .invalidRequest),
            (Transaction(then: [.put("refused", [UInt8](repeating: 0, count: 2_000_000))]), .invalidRequest),
        ])
    func refusals(transaction: Transaction, code: EtcdError.Code) async throws {
        let client = try SharedEtcd.client()
        let error = try await #require(throws: EtcdError.self) { try await client.commit(transaction) }
        #expect(error.code == code)
        #expect(!error.isTransient)
        #expect(!error.mayHaveHappened)
        #expect(try await client.get(.prefix("refused"), revision: 0).keys.isEmpty)
    }

    @Test("a client that goes on after a cancelled call works")
    func cancelledCall() async throws {
        let client = try SharedEtcd.client()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await client.put("cancelled", [1])
        }
        task.cancel()
        let error = try await #require(throws: EtcdError.self) { try await task.value }
        #expect(error.code == .cancelled)
        #expect(!error.mayHaveHappened)
        #expect(try await client.get(.key("cancelled"), revision: 0).keys.isEmpty)
    }
}
