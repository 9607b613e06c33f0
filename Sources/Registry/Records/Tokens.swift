// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd

extension Records {
    /// Join tokens; each ends with its time.
    package static let tokens = RecordKind<FreeName, TokenEntry>(
        "tokens/<id>", lease: .own, agents: [], backup: .left, events: nil)
}

extension RegistryKeys {
    package var tokens: KeySelector { all(Records.tokens) }
    package func token(_ id: String) -> String { key(Records.tokens, FreeName(id)) }
}

/// A join token as the cluster keeps it: the value of `tokens/<id>`.
///
/// The secret itself is kept nowhere; its hash is no use to whoever reads it.
package struct TokenEntry: StoredRecord {
    package var id: String
    /// SHA-256 of the secret, in hexadecimal digits.
    package var hash: String
    /// Milliseconds since 1970; from then on it is refused.
    package var expiresAt: Int64
    package var usesLeft: Int
    /// Metadata of the machines that join with it.
    package var metadata: [String: String]
    /// Roles of the machines that join with it.
    package var roles: Set<String>
    package var createdBy: String
    package var createdAt: Int64

    package init(
        id: String, hash: String, expiresAt: Int64, usesLeft: Int, metadata: [String: String] = [:],
        roles: Set<String> = [], createdBy: String, createdAt: Int64
    ) {
        self.id = id
        self.hash = hash
        self.expiresAt = expiresAt
        self.usesLeft = usesLeft
        self.metadata = metadata
        self.roles = roles
        self.createdBy = createdBy
        self.createdAt = createdAt
    }

    package init(_ object: JSONObject) throws(RecordError) {
        id = try object.required("id", "a text") { $0.isEmpty ? nil : $0 }
        hash = try object.required("hash", "64 hexadecimal digits") { $0.utf8.count == 64 ? $0 : nil }
        expiresAt = try object.moment("expiresAt")
        usesLeft = try object.integer("usesLeft", as: Int.self) ?? 0
        metadata = try object.labels("metadata")
        roles = Set(try object.texts("roles"))
        createdBy = try object.text("createdBy") ?? ""
        createdAt = try object.moment("createdAt")
    }

    package func write(to object: inout JSONObject) {
        object["id"] = .string(id)
        object["hash"] = .string(hash)
        object["expiresAt"] = .number(expiresAt)
        object["usesLeft"] = .number(usesLeft)
        object["metadata"] = .labels(metadata)
        object["roles"] = .array(roles.sorted().map { .string($0) })
        object["createdBy"] = .string(createdBy)
        object["createdAt"] = .number(createdAt)
    }

    /// Whether `other` is the hash of this token's secret; takes as long for a wrong one as for the right one.
    package func matches(_ other: String) -> Bool {
        let (one, other) = (Array(hash.utf8), Array(other.utf8))
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
