// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Registry
import Testing

/// What the registry relies on in a store; the same tests for the one in memory and for etcd.
@Suite struct KeyValueStoreTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("a write raises the revision by one and counts versions", arguments: StoreKind.allCases)
    func revisions(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (store, key) = (test.store, test.prefix + "k")
        let first = try await store.commit(Transaction(then: [.put(key, bytes("1"))]))
        let second = try await store.commit(Transaction(then: [.put(key, bytes("2")), .get(.key(key))]))
        #expect(second.revision > first.revision)
        let entry = KeyValue(
            key: key, value: bytes("2"), createRevision: first.revision, modRevision: second.revision, version: 2)
        #expect(second.outcomes == [.put, .get([entry])])
        let found = try await store.get(.key(key), revision: 0)
        #expect(found.keys == [entry])
        #expect(found.revision >= second.revision)
        let old = try await store.get(.key(key), revision: first.revision)
        #expect(old.keys.map(\.value) == [bytes("1")])
    }

    @Test("a deleted key begins anew, and deleting nothing changes nothing", arguments: StoreKind.allCases)
    func deletion(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (store, key) = (test.store, test.prefix + "k")
        _ = try await store.commit(Transaction(then: [.put(key, bytes("1"))]))
        let gone = try await store.commit(Transaction(then: [.delete(.key(key))]))
        #expect(gone.outcomes == [.delete(count: 1)])
        #expect(try await store.commit(Transaction(then: [.delete(.key(key))])).outcomes == [.delete(count: 0)])
        #expect(try await store.get(.key(key), revision: 0).keys.isEmpty)
        let again = try await store.commit(Transaction(then: [.put(key, bytes("2")), .get(.key(key))]))
        guard case .get(let entries) = again.outcomes[1] else { throw Missing() }
        #expect(entries.first?.version == 1)
        #expect(entries.first?.createRevision == again.revision)
    }

    @Test("keys of a prefix come in the order of their bytes", arguments: StoreKind.allCases)
    func order(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let names = ["b", "a", "a/", "aa", "ä", "Z", "z"]
        _ = try await test.store.commit(Transaction(then: names.map { .put(test.prefix + $0, []) }))
        let found = try await test.store.get(.prefix(test.prefix), revision: 0)
        #expect(
            found.keys.map { String($0.key.dropFirst(test.prefix.count)) } == ["Z", "a", "a/", "aa", "b", "z", "ä"])
        let middle = try await test.store.get(.range(test.prefix + "a", before: test.prefix + "b"), revision: 0)
        #expect(middle.keys.map { String($0.key.dropFirst(test.prefix.count)) } == ["a", "a/", "aa"])
        let none = try await test.store.get(.range(test.prefix + "b", before: test.prefix + "a"), revision: 0)
        #expect(none.keys.isEmpty)
    }

    @Test("a transaction does one branch, and only when all comparisons hold", arguments: StoreKind.allCases)
    func comparisons(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (store, key, none) = (test.store, test.prefix + "k", test.prefix + "none")
        _ = try await store.commit(Transaction(then: [.put(key, bytes("m"))]))
        let revision = try await store.commit(Transaction(then: [.put(key, bytes("m"))])).revision
        let table: [(Comparison, Bool)] = [
            (.present(key), true), (.absent(key), false), (.present(none), false), (.absent(none), true),
            (Comparison(key, .equal, .modRevision(revision)), true),
            (Comparison(key, .notEqual, .modRevision(revision)), false),
            (Comparison(key, .less, .modRevision(revision)), false),
            (Comparison(key, .less, .modRevision(revision + 1)), true),
            (Comparison(key, .equal, .createRevision(revision)), false),
            (Comparison(key, .less, .createRevision(revision)), true),
            (Comparison(key, .equal, .version(2)), true), (Comparison(key, .greater, .version(2)), false),
            (Comparison(none, .equal, .modRevision(0)), true), (Comparison(none, .equal, .version(0)), true),
            (Comparison(key, .equal, .value(bytes("m"))), true), (Comparison(key, .greater, .value(bytes("a"))), true),
            (Comparison(key, .less, .value(bytes("a"))), false),
            (Comparison(none, .equal, .value([])), false), (Comparison(none, .notEqual, .value(bytes("x"))), false),
        ]
        for (comparison, holds) in table {
            let result = try await store.commit(
                Transaction(if: [.present(key), comparison], then: [.get(.key(key))], otherwise: []))
            #expect(result.succeeded == holds, "\(comparison)")
            #expect(result.outcomes.count == (holds ? 1 : 0))
        }
    }

    @Test("a transaction that is against etcd's rules is refused whole", arguments: StoreKind.allCases)
    func refusals(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let key = test.prefix + "k"
        let many = (0..<129).map { Operation.put("\(key)\($0)", []) }
        let bad: [Transaction] = [
            Transaction(then: many), Transaction(then: [.put(key, []), .put(key, [])]),
            Transaction(then: [.put(key, []), .delete(.prefix(test.prefix))]),
            Transaction(if: (0..<129).map { .absent("\(key)\($0)") }, then: []),
        ]
        for transaction in bad {
            let error = await #expect(throws: EtcdError.self) { try await test.store.commit(transaction) }
            #expect(error?.code == .invalidRequest, "\(String(describing: error))")
        }
        #expect(try await test.store.get(.prefix(test.prefix), revision: 0).keys.isEmpty)
        #expect(try await test.store.commit(Transaction(then: Array(many.dropLast()))).succeeded)
    }

    @Test("a put under a lease that does not exist undoes its whole transaction", arguments: StoreKind.allCases)
    func missingLease(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let error = await #expect(throws: EtcdError.self) {
            try await test.store.commit(
                Transaction(then: [
                    .put(test.prefix + "a", []), .put(key: test.prefix + "b", value: [], lease: LeaseID(0x7FFF)),
                ]))
        }
        #expect(error?.code == .leaseNotFound)
        #expect(try await test.store.get(.prefix(test.prefix), revision: 0).keys.isEmpty)
    }

    @Test("when a lease ends, all its keys vanish in one revision", arguments: StoreKind.allCases)
    func leaseEnds(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (lease, ttl) = try await test.store.grantLease(ttl: 600)
        #expect(ttl >= 60)
        #expect((try await test.store.keepAlive(lease) ?? 0) >= 60)
        let names = (0..<3).map { "\(test.prefix)\($0)" }
        let puts = names.map { Operation.put(key: $0, value: [], lease: lease) } + [.put(test.prefix + "free", [])]
        _ = try await test.store.commit(Transaction(then: puts))
        // Put again without its lease, a key outlives it.
        let last = try await test.store.commit(Transaction(then: [.put(names[0], [])]))
        try await test.expire(lease)
        #expect(try await test.store.keepAlive(lease) == nil)
        #expect(
            try await test.store.get(.prefix(test.prefix), revision: 0).keys.map(\.key)
                == [names[0], test.prefix + "free"])
        for try await batch in test.store.watch(.prefix(test.prefix), from: last.revision + 1)
        where !batch.events.isEmpty {
            #expect(
                Set(batch.events)
                    == Set(names.dropFirst().map { .delete(key: $0, modRevision: batch.revision) }))
            break
        }
        try await test.store.revoke(lease)
    }

    @Test("a watch tells of every change once and in order, past and future", arguments: StoreKind.allCases)
    func watch(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let (store, prefix) = (test.store, test.prefix)
        let first = try await store.commit(Transaction(then: [.put(prefix + "0", []), .put(prefix + "x", [])]))
        _ = try await store.commit(Transaction(then: [.put("/other\(prefix)", [])]))
        async let writer: Void = {
            for number in 1..<200 {
                _ = try await store.commit(Transaction(then: [.put("\(prefix)\(number)", [])]))
            }
        }()
        var keys: [String] = []
        var last: Int64 = 0
        for try await batch in store.watch(.prefix(prefix), from: first.revision) {
            #expect(batch.revision > last)
            last = batch.revision
            for case .put(let entry) in batch.events {
                #expect(entry.modRevision == batch.revision)
                keys.append(entry.key)
            }
            if keys.count >= 201 { break }
        }
        try await writer
        #expect(keys == [prefix + "0", prefix + "x"] + (1..<200).map { "\(prefix)\($0)" })
    }

    @Test("reading or watching what is compacted fails", arguments: StoreKind.allCases)
    func compaction(_ kind: StoreKind) async throws {
        let test = try await kind.make(alone: true)
        let key = test.prefix + "k"
        let first = try await test.store.commit(Transaction(then: [.put(key, bytes("1"))])).revision
        let second = try await test.store.commit(Transaction(then: [.put(key, bytes("2"))])).revision
        try await test.compact(second)
        let error = await #expect(throws: EtcdError.self) { try await test.store.get(.key(key), revision: first) }
        #expect(error?.code == .compacted)
        #expect(try await test.store.get(.key(key), revision: second).keys.map(\.value) == [bytes("2")])
        let watchError = await #expect(throws: EtcdError.self) {
            for try await _ in test.store.watch(.key(key), from: first) {}
        }
        #expect(watchError?.code == .compacted)
        for try await batch in test.store.watch(.key(key), from: second) where !batch.events.isEmpty {
            #expect(batch.revision == second)
            break
        }
    }
}
