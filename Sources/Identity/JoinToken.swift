// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// What a new machine shows once to become one of the cluster.
///
/// Its text is `FLT1-<id>-<secret>-<fingerprint>`: the id finds the token's record, the secret proves that its bearer was
/// given it, and the fingerprint of the cluster's authority lets the new machine prove the cluster, so that nobody can
/// stand between. The cluster keeps a hash of the secret only.
package struct JoinToken: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// 12 hexadecimal digits; no secret.
    package let id: String
    /// 40 hexadecimal digits: 160 random bits, so that a plain hash of them cannot be guessed.
    let secret: String
    /// SHA-256 of the authority's certificate, 64 hexadecimal digits.
    package let fingerprint: String

    /// Makes a token from the system's source of randomness.
    package init(fingerprint: String) {
        id = Self.random(bytes: 6)
        secret = Self.random(bytes: 20)
        self.fingerprint = fingerprint
    }

    /// - Throws: `IdentityError` with code `.malformed`, without a word of what was read.
    package init(text: String) throws(IdentityError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "FLT1", Self.isHex(parts[1], 12), Self.isHex(parts[2], 40),
            Self.isHex(parts[3], 64)
        else {
            throw IdentityError(
                .malformed,
                "this is no join token; it looks like FLT1-...-...-... and comes from cluster-manager token create")
        }
        id = parts[1]
        secret = parts[2]
        fingerprint = parts[3]
    }

    /// The whole token, to be shown once to the person who asked for it.
    package var text: String { "FLT1-\(id)-\(secret)-\(fingerprint)" }

    /// What the cluster keeps of the secret.
    package var secretHash: String { SecretHash.hex(of: secret.utf8) }

    package var description: String { "join token \(id)" }
    package var debugDescription: String { description }
    /// Without the secret, which `dump` would show.
    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }

    static func random(bytes: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return CertificateAuthority.hex((0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    private static func isHex(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

/// Hashes of secrets and of certificates.
package enum SecretHash {
    /// SHA-256, lower-case hexadecimal.
    package static func hex(of bytes: some Sequence<UInt8>) -> String {
        CertificateAuthority.hex(SHA256.hash(data: Array(bytes)))
    }

    /// Compares two hashes in a time that does not depend on where they differ.
    package static func areEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
