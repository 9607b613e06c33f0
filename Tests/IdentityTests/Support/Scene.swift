// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import SwiftASN1
import X509

@testable import Identity

/// A cluster's authority at one moment of its life, for tests that must not depend on the day.
struct Scene: Sendable {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)
    static let cluster = "default"
    static let machine = String(repeating: "0a", count: 16)

    let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority(cluster: Self.cluster, now: Self.now) }

    /// What the authority itself makes for `principal`.
    func issue(
        _ principal: Principal, key: KeyPair = KeyPair(), addresses: [String] = [], life: TimeInterval? = nil
    ) throws -> String {
        try authority.issue(
            try CertificateRequest(pem: try key.request(name: "any")), for: principal, addresses: addresses,
            now: Self.now, life: life)
    }

    func forge() throws -> Forge { try Forge(authority) }
}

/// Makes certificates that no authority of ours would sign, to see them refused.
struct Forge: Sendable {
    var issuer: DistinguishedName
    var key: P256.Signing.PrivateKey

    /// Signs as `authority` does, with its own key and name.
    init(_ authority: CertificateAuthority) throws {
        issuer = authority.certificate.subject
        key = try P256.Signing.PrivateKey(pemRepresentation: authority.keyPEM)
    }

    static let goodURI = "flotilla://default/user/ada"

    /// A certificate that is good when nothing is said, in DER form.
    func certificate(
        names: [GeneralName]? = [.uniformResourceIdentifier(goodURI)],
        usages: [ExtendedKeyUsage.Usage]? = [.clientAuth],
        constraints: BasicConstraints = .notCertificateAuthority, keyUsage: KeyUsage = KeyUsage(digitalSignature: true),
        extra: [Certificate.Extension] = [], notBefore: Date = Scene.now - 60, notAfter: Date = Scene.now + 3600,
        subject: DistinguishedName? = nil, subjectKey: P256.Signing.PrivateKey = P256.Signing.PrivateKey()
    ) throws -> [UInt8] {
        var extensions = try Certificate.Extensions {
            Critical(constraints)
            Critical(keyUsage)
        }
        if let usages { try extensions.append(Certificate.Extension(try ExtendedKeyUsage(usages), critical: false)) }
        if let names { try extensions.append(Certificate.Extension(SubjectAlternativeNames(names), critical: false)) }
        for one in extra { try extensions.append(one) }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(subjectKey.publicKey), notValidBefore: notBefore,
            notValidAfter: notAfter, issuer: issuer,
            subject: try subject ?? DistinguishedName { CommonName("user:ada") },
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: .init(key))
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }
}

/// The bytes within the first PEM document of `text`.
func der(_ text: String) throws -> [UInt8] { try PEMDocument(pemString: text).derBytes }

/// Every text that differs from `whole` in one bit, and the byte in which it does.
func oneBitChanged(_ whole: [UInt8]) -> [(place: Int, bytes: [UInt8])] {
    (0..<whole.count * 8).map { bit in
        var bytes = whole
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return (bit / 8, bytes)
    }
}
