// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import SwiftASN1
import Testing
import X509

@testable import Identity

/// One certificate that must not be believed, and why.
struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var code: IdentityError.Code
    var make: @Sendable (Scene) throws -> [UInt8]

    init(_ name: String, _ code: IdentityError.Code, _ make: @escaping @Sendable (Scene) throws -> [UInt8]) {
        testDescription = name
        self.code = code
        self.make = make
    }

    static let authority: [Refusal] = [
        Refusal("signed by another authority", .unknownAuthority) { _ in
            try der(try Scene().issue(.user("ada")))
        },
        Refusal("signed by another key under the authority's name", .unknownAuthority) { scene in
            var forge = try scene.forge()
            forge.key = P256.Signing.PrivateKey()
            return try forge.certificate()
        },
        Refusal("signed by the authority's key under another name", .unknownAuthority) { scene in
            var forge = try scene.forge()
            forge.issuer = try DistinguishedName { CommonName("default authority") }
            return try forge.certificate()
        },
        Refusal("signed by a user's key, as issuer that user", .unknownAuthority) { scene in
            var forge = try scene.forge()
            forge.key = P256.Signing.PrivateKey()
            forge.issuer = try DistinguishedName { CommonName("user:ada") }
            return try forge.certificate()
        },
        Refusal("signed by itself", .unknownAuthority) { scene in
            var forge = try scene.forge()
            forge.key = P256.Signing.PrivateKey()
            forge.issuer = try DistinguishedName { CommonName("user:ada") }
            return try forge.certificate(subject: forge.issuer, subjectKey: forge.key)
        },
        Refusal("critical extension that nobody knows", .unknownAuthority) { scene in
            let unknown = Certificate.Extension(oid: [1, 3, 6, 1, 4, 1, 99_999, 1], critical: true, value: [5, 0])
            return try scene.forge().certificate(extra: [unknown])
        },
    ]

    static let time: [Refusal] = [
        Refusal("expired a second ago", .expired) {
            try $0.forge().certificate(notAfter: Scene.now - 1)
        },
        Refusal("valid from the next second", .notYetValid) {
            try $0.forge().certificate(notBefore: Scene.now + 1)
        },
    ]

    static let names: [Refusal] =
        [
            Refusal("no alternative name at all", .wrongPurpose) { try $0.forge().certificate(names: nil) },
            Refusal("no URI", .wrongPurpose) {
                try $0.forge().certificate(names: [.dnsName("flotilla"), .rfc822Name("ada@example.org")])
            },
            Refusal("two URIs", .wrongPurpose) {
                try $0.forge().certificate(names: [
                    .uniformResourceIdentifier(Forge.goodURI),
                    .uniformResourceIdentifier("flotilla://default/user/eve"),
                ])
            },
            Refusal("the same URI twice", .wrongPurpose) {
                try $0.forge().certificate(
                    names: [.uniformResourceIdentifier(Forge.goodURI), .uniformResourceIdentifier(Forge.goodURI)])
            },
            Refusal("its user in the DNS name only", .wrongPurpose) {
                try $0.forge().certificate(names: [.dnsName(Forge.goodURI)])
            },
            Refusal("another cluster", .otherCluster) {
                try $0.forge().certificate(names: [.uniformResourceIdentifier("flotilla://other/user/ada")])
            },
        ]
        + [
            "flotilla://default/machine/abc", "flotilla://default/machine/" + Scene.machine.uppercased(),
            "flotilla://default/machine/" + Scene.machine + "/..", "flotilla://default/user/", "flotilla:///user/ada",
            "flotilla://default/user/../machine/" + Scene.machine, "flotilla://default/root/ada", "flotilla://default",
            "flotilla://default/user/ada/", "flotilla:///default/user/ada", "flotilla://default//user/ada",
            "https://default/user/ada", "FLOTILLA://default/user/ada", "", "flotilla://default/user/a%64a",
        ].map { uri in
            Refusal("the URI '\(uri)'", .wrongPurpose) {
                try $0.forge().certificate(names: [.uniformResourceIdentifier(uri)])
            }
        }

    static let purpose: [Refusal] = [
        Refusal("for servers only", .wrongPurpose) { try $0.forge().certificate(usages: [.serverAuth]) },
        Refusal("for any use but no stated one", .wrongPurpose) { try $0.forge().certificate(usages: [.any]) },
        Refusal("for no stated use", .wrongPurpose) { try $0.forge().certificate(usages: nil) },
        Refusal("a server's own, as etcd has one", .wrongPurpose) { scene in
            let request = try CertificateRequest(pem: try KeyPair().request(name: "etcd"))
            return try der(
                try scene.authority.issueServer(request, name: "etcd", addresses: ["127.0.0.1"], now: Scene.now))
        },
        Refusal("the authority's word for its successor", .wrongPurpose) { scene in
            try der(try scene.authority.vouch(for: try Scene().authority, now: Scene.now))
        },
        Refusal("the authority's own", .wrongPurpose) { try der($0.authority.certificatePEM) },
    ]

    static let form: [Refusal] = [
        Refusal("nothing", .malformed) { _ in [] },
        Refusal("a byte after its end", .malformed) { try $0.forge().certificate() + [0] },
        Refusal("twice the same", .malformed) { scene in
            let one = try scene.forge().certificate()
            return one + one
        },
        Refusal("PEM in place of DER", .malformed) { Array(try $0.issue(.user("ada")).utf8) },
    ]
}

@Suite("Whom a certificate speaks for")
struct TrustBundleTests {
    @Test("what the authority made for a machine or a user is believed, from its first second to its last")
    func believed() async throws {
        let scene = try Scene()
        for principal in [Principal.machine(Scene.machine), .user("ada"), .user(String(repeating: "x", count: 64))] {
            let certificate = try der(try scene.issue(principal, life: 3600))
            for time in [Scene.now - 300, Scene.now, Scene.now + 3600] {
                let peer = try await scene.authority.trust.verify(der: certificate, cluster: Scene.cluster, now: time)
                #expect(peer.principal == principal)
                #expect(peer.cluster == Scene.cluster)
                #expect(peer.notAfter == Scene.now + 3600)
                #expect(peer.serial.count >= 16)
            }
        }
        // The refusals below differ from this one in what they are named for, and in nothing else.
        let forged = try scene.forge().certificate()
        let peer = try await scene.authority.trust.verify(der: forged, cluster: Scene.cluster, now: Scene.now)
        #expect(peer.principal == .user("ada"))
    }

    @Test(
        "a certificate with a fault is refused, and the reason is told",
        arguments: Refusal.authority + Refusal.time + Refusal.names + Refusal.purpose + Refusal.form)
    func refused(_ refusal: Refusal) async throws {
        let scene = try Scene()
        let certificate = try refusal.make(scene)
        let error = await #expect(throws: IdentityError.self) {
            try await scene.authority.trust.verify(der: certificate, cluster: Scene.cluster, now: Scene.now)
        }
        #expect(error?.code == refusal.code, "\(error?.message ?? "")")
        #expect(error?.message.contains("\n") == false)
    }

    @Test("a certificate outlives no second of its time, and none of its authority's")
    func time() async throws {
        let scene = try Scene()
        let trust = scene.authority.trust
        let certificate = try der(try scene.issue(.user("ada"), life: 3600))
        let late = await #expect(throws: IdentityError.self) {
            try await trust.verify(der: certificate, cluster: Scene.cluster, now: Scene.now + 3601)
        }
        #expect(late?.code == .expired)
        let early = await #expect(throws: IdentityError.self) {
            try await trust.verify(der: certificate, cluster: Scene.cluster, now: Scene.now - 301)
        }
        #expect(early?.code == .notYetValid)

        let end = Scene.now + CertificateAuthority.Life.authority
        let longer = try scene.forge().certificate(notAfter: end + 86_400)
        _ = try await trust.verify(der: longer, cluster: Scene.cluster, now: end)
        let after = await #expect(throws: IdentityError.self) {
            try await trust.verify(der: longer, cluster: Scene.cluster, now: end + 1)
        }
        #expect(after?.code == .unknownAuthority)
    }

    @Test("a user's certificate in the bundle makes no authority of that user")
    func userAsAuthority() async throws {
        let scene = try Scene()
        let key = KeyPair()
        let user = try scene.issue(.user("ada"), key: key)
        var forge = try scene.forge()
        forge.key = key.key
        forge.issuer = try DistinguishedName { CommonName("user:ada") }
        let made = try forge.certificate(names: [.uniformResourceIdentifier("flotilla://default/user/root")])
        for bundle in [try TrustBundle(pem: user), scene.authority.trust.joined(with: try TrustBundle(pem: user))] {
            let error = await #expect(throws: IdentityError.self) {
                try await bundle.verify(der: made, cluster: Scene.cluster, now: Scene.now)
            }
            #expect(error?.code == .unknownAuthority)
        }
    }

    @Test("a certificate cut short anywhere is refused")
    func truncated() async throws {
        let scene = try Scene()
        let whole = try der(try scene.issue(.machine(Scene.machine), addresses: ["127.0.0.1"]))
        for length in 0..<whole.count {
            let error = await #expect(throws: IdentityError.self, "\(length) of \(whole.count) bytes") {
                try await scene.authority.trust.verify(
                    der: Array(whole[..<length]), cluster: Scene.cluster, now: Scene.now)
            }
            #expect(error?.code == .malformed, "\(length) of \(whole.count) bytes")
        }
    }

    @Test("a certificate with one bit changed anywhere is refused")
    func changed() async throws {
        let scene = try Scene()
        let trust = scene.authority.trust
        let whole = try der(try scene.issue(.user("ada")))
        let peer = try await trust.verify(der: whole, cluster: Scene.cluster, now: Scene.now)
        var accepted: Set<Int> = []
        for (place, bytes) in oneBitChanged(whole) {
            guard let found = try? await trust.verify(der: bytes, cluster: Scene.cluster, now: Scene.now) else {
                continue
            }
            #expect(found == peer, "byte \(place)")
            accepted.insert(place)
        }
        // The count of unused bits in the signature says nothing, and nobody has signed it.
        #expect(accepted.count <= 1, "changed bytes that were accepted: \(accepted.sorted())")
    }

    @Test("while one authority takes over from another both are believed, and later the new one alone")
    func rotation() async throws {
        let old = try Scene()
        let new = try Scene()
        let byOld = try der(try old.issue(.user("ada")))
        let byNew = try der(try new.issue(.user("ada")))
        let both = try TrustBundle(pem: old.authority.trust.joined(with: new.authority.trust).pem)
        #expect(both.fingerprints == [old.authority.fingerprint, new.authority.fingerprint])
        #expect(both.joined(with: old.authority.trust).fingerprints == both.fingerprints)
        for certificate in [byOld, byNew] {
            _ = try await both.verify(der: certificate, cluster: Scene.cluster, now: Scene.now)
        }
        let after = both.without(fingerprint: old.authority.fingerprint)
        _ = try await after.verify(der: byNew, cluster: Scene.cluster, now: Scene.now)
        let error = await #expect(throws: IdentityError.self) {
            try await after.verify(der: byOld, cluster: Scene.cluster, now: Scene.now)
        }
        #expect(error?.code == .unknownAuthority)
        #expect(both.newestSigned(try new.issue(.user("ada"))))
        #expect(!both.newestSigned(try old.issue(.user("ada"))))
        #expect(!both.newestSigned("no certificate"))
        let nobody = after.without(fingerprint: new.authority.fingerprint)
        await #expect(throws: IdentityError.self) {
            try await nobody.verify(der: byNew, cluster: Scene.cluster, now: Scene.now)
        }
    }

    @Test(
        "a bundle is made of certificates and nothing else",
        arguments: [
            "", "\n", "no PEM", "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ])
    func bundle(text: String) {
        for text in [text, text + KeyPair().pem] {
            let error = #expect(throws: IdentityError.self) { try TrustBundle(pem: text) }
            #expect(error?.code == .malformed)
        }
    }

    @Test("an authority is believed when one that is believed vouches for it, over several steps, never by its name")
    func following() throws {
        let (a, b, c) = (try Scene().authority, try Scene().authority, try Scene().authority)
        let (ab, bc) = (try a.vouch(for: b, now: Scene.now), try b.vouch(for: c, now: Scene.now))
        let store = try StoreAuthority(appointedBy: a, now: Scene.now)
        func follows(_ other: TrustBundle, _ vouches: [String], at moment: Date = Scene.now) -> Bool {
            do {
                return try a.trust.following(other, vouches: vouches, now: moment).fingerprints == other.fingerprints
            } catch {
                #expect(error.code == .unknownAuthority)
                return false
            }
        }
        let both = a.trust.joined(with: b.trust)
        #expect(follows(a.trust, []) && follows(both, [ab]) && follows(b.trust, [ab]))
        // Two rotations were missed, and the words stand in no order, beside others' and what is none.
        #expect(follows(c.trust, ["", bc, "x", try c.vouch(for: a, now: Scene.now), ab]))
        #expect(!follows(b.trust, []) && !follows(both, [bc]) && !follows(c.trust, [bc]) && !follows(c.trust, [ab]))
        #expect(!follows(both, [ab], at: Scene.now + CertificateAuthority.Life.authority + 1))
        // A certificate of its own, and one that a former authority has signed for somebody else, vouch for nobody.
        #expect(!follows(b.trust, [b.certificatePEM, a.certificatePEM]))
        let machine = try a.issue(
            try CertificateRequest(pem: try KeyPair().request(name: "x")), for: .machine(Scene.machine), now: Scene.now)
        #expect(!follows(try TrustBundle(pem: machine), [machine]))
        #expect(!follows(try TrustBundle(pem: store.certificatePEM), [store.certificatePEM]))
        #expect(!follows(try TrustBundle(pem: ab), [ab]))
        // Who has the key of etcd's authority makes himself an authority of its name: its appointment is no word for that.
        let thief = try KeyPair(pem: store.keyPEM)
        let name = try TrustBundle(pem: store.certificatePEM).authorities[0].subject
        let own = Signer(
            certificate: try Certificate(
                version: .v3, serialNumber: .init(), publicKey: thief.certificateKey.publicKey,
                notValidBefore: Scene.now, notValidAfter: Scene.now + 3600, issuer: name, subject: name,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                }, issuerPrivateKey: thief.certificateKey), key: thief
        ).certificate
        #expect(!follows(TrustBundle(authorities: [own]), [store.certificatePEM]))
    }

    @Test("a certificate says when it is to be renewed: after two thirds of its life")
    func renewal() throws {
        let scene = try Scene()
        let info = try CertificateInfo(pem: try scene.issue(.machine(Scene.machine), life: 2_700))
        // It begins five minutes before it was made, for clocks that are behind.
        #expect(info.notBefore == Scene.now - 300)
        #expect(info.notAfter == Scene.now + 2_700)
        #expect(info.renewal == Scene.now + 1_700)
        #expect(info.subject.contains("machine:\(Scene.machine)"))
    }
}
