// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd

/// What came of showing a join token.
package enum TokenUse: Hashable, Sendable {
    /// It is good, and one use less is left.
    case accepted(TokenEntry)
    case refused(TokenRefusal)
}

/// Why a join token was refused: for the audit; its bearer should not learn which.
package enum TokenRefusal: String, Hashable, Sendable {
    case unknown = "there is no such token"
    case wrongSecret = "the token's secret is wrong"
    case expired = "the token has expired"
    case usedUp = "the token has been used as often as it may"
}

/// Join tokens and whom to trust. Moments are milliseconds since 1970.
extension ClusterRegistry {
    /// A token is shown in lists for so long after its end, in milliseconds.
    private static let tokenAfterlife: Int64 = 24 * 3_600_000
    /// Each try that fails has let another bearer in.
    private static let useLimit = 256

    /// Keeps a new token until a day after it has expired.
    ///
    /// - Throws: `.conflict` when there is one with the same id; `.invalid` for an id that is none.
    package func addToken(_ token: TokenEntry) async throws(RegistryError) {
        let action = "making join token \(token.id)"
        guard (1...64).contains(token.id.utf8.count), Self.isUserName(token.id) else {
            throw RegistryError(code: .invalid, message: "'\(token.id.prefix(80))' is no id of a join token")
        }
        let life = max(token.expiresAt - token.createdAt, 0) + Self.tokenAfterlife
        let lease: LeaseID
        do {
            lease = try await store.grantLease(ttl: Int(clamping: life / 1_000)).lease
        } catch {
            throw RegistryError(error, while: action)
        }
        _ = try await change(keys.token(token.id), lease: lease, while: action) {
            (current: TokenEntry?) throws(RegistryError) in
            // The same bytes are our own, from a try whose answer was lost.
            guard current == nil || current == token else {
                throw RegistryError(code: .conflict, while: action, message: "there is one with this id")
            }
            return token
        }
    }

    /// All tokens, those that have ended too, by id.
    package func tokens() async throws(RegistryError) -> (tokens: [TokenEntry], problems: [RegistryProblem]) {
        let found: (records: [TokenEntry], problems: [RegistryProblem]) = try await records(
            keys.tokens, while: "listing join tokens")
        return (found.records, found.problems)
    }

    /// Makes a token worth nothing.
    ///
    /// - Returns: `false` when there is no such token.
    /// - Throws: `.store` when etcd does not do it.
    @discardableResult
    package func revokeToken(_ id: String) async throws(RegistryError) -> Bool {
        let result = try await commit(
            Transaction(then: [.delete(.key(keys.token(id)))]), while: "revoking join token \(id.prefix(80))")
        return result.outcomes.first == .delete(count: 1)
    }

    /// What using a token would come to, without using it.
    ///
    /// - Returns: The token as it is, or why it is refused; parameters and errors as of `useToken`.
    package func checkToken(_ id: String, secretHash: String, now: Int64) async throws(RegistryError) -> TokenUse {
        guard Self.isUserName(id),
            let found: (record: TokenEntry, entry: KeyValue) = try await record(
                keys.token(id), while: "looking at join token \(id)")
        else { return .refused(.unknown) }
        return Self.refusal(of: found.record, secretHash, now).map { .refused($0) } ?? .accepted(found.record)
    }

    private static func refusal(of token: TokenEntry, _ secretHash: String, _ now: Int64) -> TokenRefusal? {
        // The secret first: who does not know it learns nothing of the token.
        if !token.matches(secretHash) { return .wrongSecret }
        if now >= token.expiresAt { return .expired }
        return token.usesLeft > 0 ? nil : .usedUp
    }

    /// Uses a token once, if its secret is right and it is still good.
    ///
    /// Each use is a compare-and-swap, so a token is never used more often than it may. When the answer of the swap is
    /// lost the use may be gone although this throws.
    ///
    /// - Parameters:
    ///   - id: As in the token's text.
    ///   - secretHash: SHA-256 of the secret that was shown, in hexadecimal digits.
    ///   - now: The moment to compare its end with.
    /// - Returns: The token as it is after the use, or why it was refused.
    /// - Throws: `.damaged` when the record cannot be read.
    package func useToken(_ id: String, secretHash: String, now: Int64) async throws(RegistryError) -> TokenUse {
        guard Self.isUserName(id) else { return .refused(.unknown) }
        let action = "using join token \(id)"
        for _ in 0..<Self.useLimit {
            guard let found: (record: TokenEntry, entry: KeyValue) = try await record(keys.token(id), while: action)
            else { return .refused(.unknown) }
            var token = found.record
            if let refusal = Self.refusal(of: token, secretHash, now) { return .refused(refusal) }
            token.usesLeft -= 1
            let bytes: [UInt8]
            do {
                bytes = try token.bytes(replacing: found.entry.value)
            } catch {
                throw Self.damaged(found.entry.key, error)
            }
            let result = try await commit(
                Transaction(
                    if: [Comparison(found.entry.key, .equal, .modRevision(found.entry.modRevision))],
                    then: [.put(key: found.entry.key, value: bytes, lease: found.entry.lease)]), while: action)
            if result.succeeded { return .accepted(token) }
        }
        throw Self.interfered(action)
    }

    // MARK: Authorities

    /// Whom to trust and who signs, with the revision to hand to `setAuthorities`; `nil` before the cluster has any.
    ///
    /// - Throws: `.damaged` when the record cannot be read.
    package func authorities() async throws(RegistryError) -> (entry: AuthoritiesEntry, modRevision: Int64)? {
        let found: (record: AuthoritiesEntry, entry: KeyValue)? = try await record(
            keys.authorities, while: "reading the cluster's authorities")
        return found.map { ($0.record, $0.entry.modRevision) }
    }

    /// Writes whom to trust and who signs.
    ///
    /// - Parameters:
    ///   - entry: All of it.
    ///   - expecting: Mod revision at which the caller read the former one; 0 when there was none.
    /// - Returns: The revision at which it is committed, which is the entry's new mod revision.
    /// - Throws: `.conflict` when somebody else has written since.
    @discardableResult
    package func setAuthorities(_ entry: AuthoritiesEntry, expecting: Int64) async throws(RegistryError) -> Int64 {
        let action = "writing the cluster's authorities"
        let result = try await commit(
            Transaction(
                if: [Comparison(keys.authorities, .equal, .modRevision(expecting))],
                then: [.put(keys.authorities, entry.bytes)]), while: action)
        guard result.succeeded else {
            throw RegistryError(
                code: .conflict, while: action,
                message: "they have changed since they were read; read them and try again")
        }
        return result.revision
    }
}
