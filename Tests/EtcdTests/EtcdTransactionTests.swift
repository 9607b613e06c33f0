// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

@Suite(.etcd, .timeLimit(.minutes(5)))
struct EtcdTransactionTests {
    @Test("a guard that fails leaves everything as it was")
    func failingGuard() async throws {
        let client = try SharedEtcd.client()
        let held = try await client.put("guard/leader", [1])
        try await client.put("guard/leader", [2])
        let result = try await client.commit(
            Transaction(
                if: [Comparison("guard/leader", .equal, .modRevision(held))], then: [.put("guard/work", [1])],
                otherwise: [.get(.key("guard/leader"))]))
        #expect(!result.succeeded)
        guard case .get(let keys) = try #require(result.outcomes.first) else {
            Issue.record("the other branch reads, but the outcome is \(result.outcomes)")
            return
        }
        #expect(keys.map(\.value) == [[2]])
        #expect(try await client.get(.key("guard/work"), revision: 0).keys.isEmpty)
    }

    @Test("outcomes come in the order of the operations and share one revision")
    func outcomes() async throws {
        let client = try SharedEtcd.client()
        for number in 0..<3 { try await client.put("outcomes/old/\(number)", [UInt8(number)]) }
        let result = try await client.commit(
            Transaction(
                if: [.absent("outcomes/new")],
                then: [
                    .get(.prefix("outcomes/old/")), .delete(.prefix("outcomes/old/")), .put("outcomes/new", [9]),
                    .get(.key("outcomes/nothing")), .delete(.key("outcomes/nothing")),
                ]))
        #expect(result.succeeded)
        guard case .get(let before) = try #require(result.outcomes.first) else {
            Issue.record("the first operation reads, but the outcomes are \(result.outcomes)")
            return
        }
        #expect(before.map(\.value) == [[0], [1], [2]])
        #expect(result.outcomes.dropFirst() == [.delete(count: 3), .put, .get([]), .delete(count: 0)])
        let keys = try await client.get(.prefix("outcomes/"), revision: 0).keys
        #expect(keys.map(\.modRevision) == [result.revision])
    }

    /// `key` exists with value "m", and was written twice, the first time at `created`.
    @Test("every kind of comparison means what it says")
    func comparisons() async throws {
        let client = try SharedEtcd.client()
        let created = try await client.put("compare", [UInt8]("a"))
        let modified = try await client.put("compare", [UInt8]("m"))
        let table: [(Comparison.Relation, Comparison.Operand, Bool)] = [
            (.equal, .value([UInt8]("m")), true), (.equal, .value([UInt8]("a")), false), (.equal, .value([]), false),
            (.notEqual, .value([UInt8]("a")), true), (.less, .value([UInt8]("n")), true),
            (.greater, .value([UInt8]("n")), false),
            (.equal, .version(2), true), (.equal, .version(0), false), (.greater, .version(1), true),
            (.less, .version(2), false), (.notEqual, .version(2), false),
            (.equal, .createRevision(created), true), (.equal, .createRevision(modified), false),
            (.greater, .createRevision(0), true), (.equal, .modRevision(modified), true),
            (.equal, .modRevision(created), false), (.less, .modRevision(modified + 1), true),
        ]
        for (relation, operand, holds) in table {
            let result = try await client.commit(
                Transaction(if: [Comparison("compare", relation, operand)], then: [.get(.key("compare"))]))
            #expect(result.succeeded == holds, "\(relation) \(operand)")
        }
    }

    @Test("all comparisons must hold")
    func conjunction() async throws {
        let client = try SharedEtcd.client()
        try await client.put("and/here", [])
        for (comparisons, holds) in [
            ([Comparison.present("and/here"), .absent("and/gone")], true),
            ([.present("and/here"), .present("and/gone")], false), ([], true),
        ] {
            #expect(try await client.commit(Transaction(if: comparisons, then: [])).succeeded == holds)
        }
    }

    @Test("a transaction may have as many operations as etcd allows")
    func fullSize() async throws {
        let client = try SharedEtcd.client()
        let puts = (0..<Transaction.operationLimit).map {
            Operation.put("full/\($0)", [UInt8](repeating: 1, count: 1_000))
        }
        let result = try await client.commit(Transaction(then: puts))
        #expect(result.outcomes.count == 128)
        let keys = try await client.get(.prefix("full/"), revision: 0).keys
        #expect(keys.count == 128)
        #expect(Set(keys.map(\.modRevision)) == [result.revision])
    }

    @Test("only one of many who claim the same key gets it")
    func race() async throws {
        let client = try SharedEtcd.client()
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let claim = Transaction(if: [.absent("race")], then: [.put("race", [UInt8(number)])])
                    return try await client.commit(claim).succeeded
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }
}
