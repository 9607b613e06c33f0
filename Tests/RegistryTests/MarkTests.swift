// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Registry
import Testing

@Suite struct MarkTests {
    @Test("a store has one mark, whoever asks first, and it stays", arguments: StoreKind.allCases)
    func mark(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        #expect(try await registry.mark() == nil)
        let marks = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<8 { group.addTask { try await registry.makeMark() } }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(marks.count == 1)
        #expect(try await registry.mark() == marks.first)
        let other = try await kind.make()
        #expect(try await other.registry.makeMark() != marks.first)
    }
}
