// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Crypto
import SwiftASN1
import X509

/// A private key on the curve P-256, made where it is used and never sent anywhere.
package struct KeyPair: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    let key: P256.Signing.PrivateKey

    /// Makes a new key from the system's source of randomness.
    package init() { key = P256.Signing.PrivateKey() }

    /// - Throws: `IdentityError` with code `.malformed`, without a word of what was read.
    package init(pem: String) throws(IdentityError) {
        do {
            key = try P256.Signing.PrivateKey(pemRepresentation: pem)
        } catch {
            throw IdentityError(.malformed, "the private key is no P-256 key in PEM form; make or join anew")
        }
    }

    /// The key itself, for its file and for nothing else.
    package var pem: String { key.pemRepresentation }

    var certificateKey: Certificate.PrivateKey { Certificate.PrivateKey(key) }

    /// Eight hexadecimal digits of the public key's hash: enough to tell two keys of one cluster apart.
    var mark: String { CertificateAuthority.hex(SHA256.hash(data: key.publicKey.rawRepresentation).prefix(4)) }

    package var description: String { "private key (not shown)" }
    package var debugDescription: String { description }

    /// A request that an authority make a certificate for this key, in PEM form.
    ///
    /// It carries a name for people only: whom the certificate will speak for is the authority's word, never the request's.
    ///
    /// `name` is its common name, such as `machine:<id>`.
    package func request(name: String) throws(IdentityError) -> String {
        do {
            let request = try CertificateSigningRequest(
                version: .v1, subject: try DistinguishedName { CommonName(name) }, privateKey: certificateKey,
                attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256)
            return try request.serializeAsPEM().pemString
        } catch {
            throw IdentityError(.malformed, "no request can be made for \(name)")
        }
    }
}

/// A request to sign a certificate, whose sender has proven to hold the key.
package struct CertificateRequest: Sendable {
    let publicKey: Certificate.PublicKey

    /// - Throws: `IdentityError` with code `.malformed` when it cannot be read, or its signature is not by its own key.
    package init(pem: String) throws(IdentityError) {
        do {
            let request = try CertificateSigningRequest(pemEncoded: pem)
            guard request.publicKey.isValidSignature(request.signature, for: request) else {
                throw IdentityError(.malformed, "the certificate request is not signed by its own key")
            }
            publicKey = request.publicKey
        } catch let error as IdentityError {
            throw error
        } catch {
            throw IdentityError(.malformed, "the certificate request cannot be read")
        }
    }
}
