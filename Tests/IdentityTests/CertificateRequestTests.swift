// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import SwiftASN1
import Testing
import X509

@testable import Identity

@Suite("Requests for certificates")
struct CertificateRequestTests {
    /// The request's bytes in PEM form again.
    private func pem(_ bytes: [UInt8]) -> String { PEMDocument(type: "CERTIFICATE REQUEST", derBytes: bytes).pemString }

    @Test("a request brings its key to the authority")
    func key() throws {
        let key = KeyPair()
        let request = try CertificateRequest(pem: try key.request(name: "machine:1"))
        #expect(request.publicKey == key.certificateKey.publicKey)
    }

    @Test("a request with one bit changed anywhere is refused")
    func changed() throws {
        let key = KeyPair()
        let whole = try der(try key.request(name: "user:ada"))
        var accepted: Set<Int> = []
        for (place, bytes) in oneBitChanged(whole) {
            do {
                let request = try CertificateRequest(pem: pem(bytes))
                #expect(request.publicKey == key.certificateKey.publicKey, "byte \(place)")
                accepted.insert(place)
            } catch {
                #expect(error.code == .malformed, "byte \(place)")
            }
        }
        // The count of unused bits in the signature says nothing, and nobody has signed it.
        #expect(accepted.count <= 1, "changed bytes that were accepted: \(accepted.sorted())")
    }

    @Test("a request for somebody else's key is refused")
    func foreignKey() throws {
        let (own, foreign) = (KeyPair(), KeyPair())
        var bytes = try der(try own.request(name: "user:ada"))
        let ownPoint = Array(own.key.publicKey.x963Representation)
        let at = try #require(bytes.indices.first { bytes[$0...].starts(with: ownPoint) })
        bytes.replaceSubrange(at..<(at + ownPoint.count), with: foreign.key.publicKey.x963Representation)
        // It reads well, and holds the foreign key.
        let read = try CertificateSigningRequest(pemEncoded: pem(bytes))
        #expect(read.publicKey == foreign.certificateKey.publicKey)
        let error = #expect(throws: IdentityError.self) { try CertificateRequest(pem: pem(bytes)) }
        #expect(error?.message.contains("not signed by its own key") == true)
    }

    @Test("what is no request is refused")
    func form() throws {
        let whole = try der(try KeyPair().request(name: "user:ada"))
        let texts = [
            "", "no PEM", pem(Array(whole.dropLast())), pem(whole + [0]), pem([]), try Scene().issue(.user("ada")),
            KeyPair().pem,
        ]
        for text in texts {
            let error = #expect(throws: IdentityError.self) { try CertificateRequest(pem: text) }
            #expect(error?.code == .malformed)
        }
    }

    @Test("nothing that a request asks for beside its key is in the certificate")
    func wishes() async throws {
        let scene = try Scene()
        let key = P256.Signing.PrivateKey()
        let wishes = ExtensionRequest(
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames([.uniformResourceIdentifier("flotilla://default/user/root"), .dnsName("evil")])
            })
        let request = try CertificateSigningRequest(
            version: .v1, subject: try DistinguishedName { CommonName("user:root") }, privateKey: .init(key),
            attributes: try .init([.init(wishes)]), signatureAlgorithm: .ecdsaWithSHA256)
        let pem = try scene.authority.issue(
            try CertificateRequest(pem: try request.serializeAsPEM().pemString), for: .user("ada"), now: Scene.now)
        let peer = try await scene.authority.trust.verify(der: try der(pem), cluster: Scene.cluster, now: Scene.now)
        #expect(peer.principal == .user("ada"))
        let made = try Certificate(pemEncoded: pem)
        #expect(made.subject == (try DistinguishedName { CommonName("user:ada") }))
        #expect(try made.extensions.basicConstraints == .notCertificateAuthority)
        let usage = try #require(try made.extensions.extendedKeyUsage)
        #expect(Array(usage) == [.clientAuth])
        let names = try #require(try made.extensions.subjectAlternativeNames)
        #expect(Array(names) == [.uniformResourceIdentifier("flotilla://default/user/ada")])
    }
}
