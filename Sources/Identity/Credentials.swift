// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import SwiftASN1
import X509

/// A certificate, what vouches for it, and its key, as one text: whoever reads it has what belongs together.
enum Credentials {
    /// - Throws: `.malformed` for text without a certificate and its own key.
    static func parts(of text: String) throws(IdentityError) -> (certificate: String, key: KeyPair) {
        let documents: [PEMDocument]
        do {
            documents = try PEMDocument.parseMultiple(pemString: text)
        } catch {
            throw IdentityError(.malformed, "the credentials cannot be read; join anew")
        }
        let certificates = documents.filter { $0.discriminator == "CERTIFICATE" }
        guard let secret = documents.first(where: { $0.discriminator.hasSuffix("PRIVATE KEY") }), !certificates.isEmpty
        else { throw IdentityError(.malformed, "the credentials have no certificate or no key; join anew") }
        let key = try KeyPair(pem: secret.pemString)
        let certificate = certificates.map(\.pemString).joined(separator: "\n")
        guard try TrustBundle.certificates(pem: certificate)[0].publicKey == key.certificateKey.publicKey else {
            throw IdentityError(
                .malformed, "the key among the credentials is not the one of their certificate; join anew")
        }
        return (certificate, key)
    }
}
