// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite(.timeLimit(.minutes(5))) struct TokenTests {
    private static let hash = String(repeating: "a", count: 64)

    private static func token(uses: Int = 1, ends: Int64 = 1_000) -> TokenEntry {
        TokenEntry(
            id: "0123456789ab", hash: hash, expiresAt: ends, usesLeft: uses, metadata: ["role": "worker"],
            roles: ["agent"], createdBy: "user:ada", createdAt: 0)
    }

    @Test("a token is used as often as it may, with its secret, before its end", arguments: StoreKind.allCases)
    func uses(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        let token = Self.token(uses: 2)
        try await registry.addToken(token)
        let twice = await #expect(throws: RegistryError.self) { try await registry.addToken(Self.token(uses: 9)) }
        #expect(twice?.code == .conflict)
        let wrong = String(repeating: "b", count: 64)
        #expect(try await registry.useToken(token.id, secretHash: wrong, now: 1) == .refused(.wrongSecret))
        #expect(try await registry.useToken(token.id, secretHash: "", now: 1) == .refused(.wrongSecret))
        #expect(try await registry.useToken("x", secretHash: Self.hash, now: 1) == .refused(.unknown))
        #expect(try await registry.useToken("../leader", secretHash: Self.hash, now: 1) == .refused(.unknown))
        #expect(try await registry.useToken(token.id, secretHash: Self.hash, now: 1_000) == .refused(.expired))
        for (hash, now, refusal) in [
            (wrong, 1, .wrongSecret), (wrong, 1_000, .wrongSecret), (Self.hash, 1_000, .expired),
        ] as [(String, Int64, TokenRefusal)] {
            #expect(try await registry.checkToken(token.id, secretHash: hash, now: now) == .refused(refusal))
        }
        // A look costs nothing.
        #expect(try await registry.checkToken(token.id, secretHash: Self.hash, now: 1) == .accepted(token))
        #expect(try await registry.checkToken("x", secretHash: Self.hash, now: 1) == .refused(.unknown))
        #expect(
            try await registry.useToken(token.id, secretHash: Self.hash, now: 999) == .accepted(Self.token(uses: 1)))
        #expect(
            try await registry.useToken(token.id, secretHash: Self.hash, now: 1) == .accepted(Self.token(uses: 0)))
        #expect(try await registry.useToken(token.id, secretHash: Self.hash, now: 1) == .refused(.usedUp))
        #expect(try await registry.checkToken(token.id, secretHash: Self.hash, now: 1) == .refused(.usedUp))
        #expect(try await registry.tokens().tokens == [Self.token(uses: 0)])
        #expect(try await registry.revokeToken(token.id))
        #expect(try await !registry.revokeToken(token.id))
        #expect(try await registry.useToken(token.id, secretHash: Self.hash, now: 1) == .refused(.unknown))
    }

    @Test("of many machines that show a token at once no more get in than it has uses", arguments: StoreKind.allCases)
    func together(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let registry = test.registry
        try await registry.addToken(Self.token(uses: 5))
        let outcomes = try await withThrowingTaskGroup(of: TokenUse.self) { group in
            for _ in 0..<32 {
                group.addTask { try await registry.useToken("0123456789ab", secretHash: Self.hash, now: 1) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count == 32)
        #expect(outcomes.filter { $0 == .refused(.usedUp) }.count == 27)
        #expect(try await registry.tokens().tokens.map(\.usesLeft) == [0])
    }

    @Test("a use whose answer is lost counts, and is not given twice")
    func lost() async throws {
        let test = try await StoreKind.memory.make()
        let store = FaultyStore(store: test.store)
        let registry = ClusterRegistry(store: store, cluster: test.cluster)
        try await registry.addToken(Self.token())
        await store.faults.plan(.loseAnswer)
        let error = await #expect(throws: RegistryError.self) {
            try await registry.useToken("0123456789ab", secretHash: Self.hash, now: 1)
        }
        #expect(error?.mayHaveHappened == true)
        #expect(
            try await registry.useToken("0123456789ab", secretHash: Self.hash, now: 1) == .refused(.usedUp))
    }

    @Test("a token is forgotten after its end, by itself", arguments: StoreKind.allCases)
    func lease(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        try await test.registry.addToken(Self.token(uses: 3))
        _ = try await test.registry.useToken("0123456789ab", secretHash: Self.hash, now: 1)
        let entry = try required(try await test.store.get(test.registry.keys.tokens, revision: 0).keys.first)
        #expect(entry.lease != .none, "a use keeps the lease")
        try await test.expire(entry.lease)
        #expect(try await test.registry.tokens().tokens.isEmpty)
    }
}
