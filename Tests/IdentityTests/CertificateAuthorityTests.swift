// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SwiftASN1
import Testing
import X509

@testable import Identity

@Suite("The cluster's authority")
struct CertificateAuthorityTests {
    @Test("a machine's certificate serves both ends and names its addresses; a user's is for clients alone")
    func purposes() throws {
        let scene = try Scene()
        let machine = try Certificate(
            pemEncoded: try scene.issue(.machine(Scene.machine), addresses: ["10.0.0.1", "fd00::1", "alpha.example"]))
        #expect(Array(try #require(try machine.extensions.extendedKeyUsage)) == [.clientAuth, .serverAuth])
        let names = Array(try #require(try machine.extensions.subjectAlternativeNames))
        let six: [UInt8] = [0xfd] + [UInt8](repeating: 0, count: 14) + [1]
        #expect(
            names == [
                .uniformResourceIdentifier("flotilla://default/machine/\(Scene.machine)"),
                .ipAddress(ASN1OctetString(contentBytes: [10, 0, 0, 1])),
                .ipAddress(ASN1OctetString(contentBytes: six[...])), .dnsName("alpha.example"),
            ])
        #expect(machine.notValidAfter == Scene.now + CertificateAuthority.Life.machine)

        let user = try Certificate(pemEncoded: try scene.issue(.user("ada")))
        #expect(Array(try #require(try user.extensions.extendedKeyUsage)) == [.clientAuth])
        #expect(user.notValidAfter == Scene.now + CertificateAuthority.Life.user)
        for made in [machine, user] {
            #expect(try made.extensions.basicConstraints == .notCertificateAuthority)
            #expect(made.extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true)
        }
    }

    @Test("no certificate outlives its authority or begins before it, and an expired authority signs nothing")
    func life() throws {
        let authority = try CertificateAuthority(cluster: "default", now: Scene.now, life: 3600)
        let request = try CertificateRequest(pem: try KeyPair().request(name: "any"))
        let made = try CertificateInfo(pem: try authority.issue(request, for: .user("ada"), now: Scene.now + 10))
        #expect(made.notBefore == Scene.now - 290)
        #expect(made.notAfter == Scene.now + 3600)
        let early = try CertificateInfo(pem: try authority.issue(request, for: .user("ada"), now: Scene.now - 100))
        #expect(early.notBefore == Scene.now - 300)
        let late = #expect(throws: IdentityError.self) {
            try authority.issue(request, for: .user("ada"), now: Scene.now + 3600)
        }
        #expect(late?.code == .expired)
        let server = #expect(throws: IdentityError.self) {
            try authority.issueServer(request, name: "etcd", addresses: [], now: Scene.now + 3601)
        }
        #expect(server?.code == .expired)
    }

    @Test(
        "an address that is none is refused",
        arguments: ["", " ", "a b", "a/b", "*.example", "host:80", "10.0.0.1/8", "ä", "fe80::1%eth0", "a\n", "a_b"]
            + [String(repeating: "a", count: 254)])
    func addresses(text: String) throws {
        let scene = try Scene()
        let error = #expect(throws: IdentityError.self) { try scene.issue(.machine(Scene.machine), addresses: [text]) }
        #expect(error?.code == .malformed)
    }

    @Test("an authority is taken up from its files, unless the key is another's")
    func files() async throws {
        let scene = try Scene()
        let (certificate, key) = (scene.authority.certificatePEM, scene.authority.keyPEM)
        let again = try CertificateAuthority(cluster: Scene.cluster, certificatePEM: certificate, keyPEM: key)
        #expect(again.fingerprint == scene.authority.fingerprint)
        let request = try CertificateRequest(pem: try KeyPair().request(name: "any"))
        let made = try again.issue(request, for: .user("ada"), now: Scene.now)
        _ = try await scene.authority.trust.verify(der: try der(made), cluster: Scene.cluster, now: Scene.now)

        let foreign = try Scene().authority.keyPEM
        let refused = [(certificate, foreign), (certificate, ""), ("", key), (key, certificate)]
        for (certificate, key) in refused {
            let error = #expect(throws: IdentityError.self) {
                try CertificateAuthority(cluster: Scene.cluster, certificatePEM: certificate, keyPEM: key)
            }
            #expect(error?.code == .malformed)
        }
    }

    @Test("the word for a successor is good for one step, and no longer than the authority that gives it")
    func vouch() throws {
        let old = try CertificateAuthority(cluster: "default", now: Scene.now, life: 3600)
        let next = try CertificateAuthority(cluster: "default", now: Scene.now + 60)
        let word = try Certificate(pemEncoded: try old.vouch(for: next, now: Scene.now + 60))
        #expect(try word.extensions.basicConstraints == .isCertificateAuthority(maxPathLength: 0))
        #expect(word.subject == next.certificate.subject)
        #expect(word.publicKey == next.certificate.publicKey)
        #expect(word.issuer == old.certificate.subject)
        #expect(word.notValidAfter == Scene.now + 3600)
    }

    @Test("two authorities of one cluster differ in name, key and fingerprint")
    func twins() throws {
        let (one, two) = (try Scene().authority, try Scene().authority)
        #expect(one.certificate.subject != two.certificate.subject)
        #expect(one.certificate.publicKey != two.certificate.publicKey)
        #expect(one.fingerprint != two.fingerprint)
        #expect(one.fingerprint.utf8.count == 64)
        #expect(one.certificate.serialNumber != two.certificate.serialNumber)
    }
}
