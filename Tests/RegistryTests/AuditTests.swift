// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Registry
import Testing

@Suite(.timeLimit(.minutes(5))) struct AuditTests {
    private static func entry(_ moment: Int64, _ subject: String = "web.service") -> AuditEntry {
        AuditEntry(
            moment: moment, who: "user:ada", from: "10.0.0.1", action: "unit.start", subject: subject,
            before: "inactive", after: "launched")
    }

    @Test("entries come in the order of time, those of a time alone, and share a lease", arguments: StoreKind.allCases)
    func entries(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let log = AuditLog(registry: test.registry, retention: 3_600)
        let moments: [Int64] = [1_700_000_000_000, 999_999_999_999, 1_700_000_000_001, 5]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for moment in moments { group.addTask { try await log.append(Self.entry(moment)) } }
            try await group.waitForAll()
        }
        try await log.append(
            AuditEntry(moment: 5, who: "", from: "unix", action: "join", subject: "", refusal: "no such token"))
        let all = try await test.registry.auditEntries()
        #expect(all.entries.map(\.moment) == [5, 5] + moments.sorted().dropFirst())
        #expect(all.problems.isEmpty)
        #expect(all.entries.contains { $0.refusal == "no such token" && $0.before == nil })
        let some = try await test.registry.auditEntries(from: 6, before: 1_700_000_000_001)
        #expect(some.entries == [Self.entry(999_999_999_999), Self.entry(1_700_000_000_000)])
        #expect(try await test.registry.auditEntries(from: 9, before: 9).entries.isEmpty)
        let leases = Set(try await test.store.get(test.registry.keys.events, revision: 0).keys.map(\.lease))
        #expect(leases.count == 1)
        for lease in leases { try await test.expire(lease) }
        #expect(try await test.registry.auditEntries().entries.isEmpty)
        // The lease is gone: the next entry has another.
        try await log.append(Self.entry(7))
        #expect(try await test.registry.auditEntries().entries == [Self.entry(7)])
    }
}
