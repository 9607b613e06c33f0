// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing
import X509

@testable import Identity

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What we make, seen by the most widely used reader of certificates, and the other way round.
///
/// For the tests alone: the programs themselves never call openssl.
@Suite("Agreement with openssl", .enabled(if: access("/usr/bin/openssl", X_OK) == 0), .timeLimit(.minutes(5)))
struct OpenSSLTests {
    /// An authority of today, with its files and those of one machine and one user.
    private struct Rig {
        let folder: String
        let authority: CertificateAuthority
        let machine: KeyPair
        var bundle: String { "\(folder)/ca.pem" }

        func openssl(_ words: String...) async throws -> Shell.Outcome {
            try await Shell.run(["openssl"] + words, environment: ["LC_ALL": "C"])
        }

        func issue(
            _ principal: Principal, to name: String, key: KeyPair = KeyPair(), addresses: [String] = []
        ) throws -> String {
            let path = "\(folder)/\(name)"
            let pem = try authority.issue(
                try CertificateRequest(pem: try key.request(name: "any")), for: principal, addresses: addresses,
                now: Date())
            try write(pem, to: path)
            return path
        }
    }

    private func withRig(_ body: (Rig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder async throws in
            let authority = try CertificateAuthority(cluster: "default", now: Date())
            let rig = Rig(folder: folder, authority: authority, machine: KeyPair())
            try write(authority.trust.pem, to: rig.bundle)
            try await body(rig)
        }
    }

    @Test("openssl believes what the authority made, for what it was made")
    func verify() async throws {
        try await withRig { rig async throws in
            let machine = try rig.issue(
                .machine(Scene.machine), to: "machine.pem", addresses: ["127.0.0.1", "fd00::1", "alpha.example"])
            let user = try rig.issue(.user(String(repeating: "x", count: 59)), to: "user.pem")
            func verify(_ file: String, _ words: String...) async throws -> Shell.Outcome {
                try await Shell.run(["openssl", "verify", "-x509_strict", "-CAfile", rig.bundle] + words + [file])
            }
            for words in [
                ["-purpose", "sslclient"], ["-purpose", "sslserver"], ["-verify_ip", "127.0.0.1"],
                ["-verify_ip", "fd00::1"], ["-verify_hostname", "alpha.example"],
            ] {
                // Strict, as some readers are by default: by the letter of RFC 5280.
                let outcome = try await Shell.run(
                    ["openssl", "verify", "-x509_strict", "-CAfile", rig.bundle] + words + [machine])
                #expect(outcome.status == 0, "\(words): \(outcome.error)")
            }
            #expect(try await verify(machine, "-verify_ip", "127.0.0.2").status != 0)
            let client = try await verify(user, "-purpose", "sslclient")
            #expect(client.status == 0, "\(client.error)")
            #expect(try await verify(user, "-purpose", "sslserver").status != 0)

            let other = try CertificateAuthority(cluster: "default", now: Date())
            try write(other.trust.pem, to: rig.bundle)
            #expect(try await verify(machine).status != 0)
        }
    }

    @Test("openssl reads in a certificate what we meant to write")
    func text() async throws {
        try await withRig { rig async throws in
            let file = try rig.issue(.machine(Scene.machine), to: "machine.pem", addresses: ["127.0.0.1"])
            let text = try await rig.openssl("x509", "-in", file, "-noout", "-text").output
            for line in [
                "Signature Algorithm: ecdsa-with-SHA256", "CN = machine:\(Scene.machine)", "ASN1 OID: prime256v1",
                "URI:flotilla://default/machine/\(Scene.machine), IP Address:127.0.0.1",
                "TLS Web Client Authentication, TLS Web Server Authentication", "CA:FALSE", "Digital Signature",
            ] {
                #expect(text.contains(line), "\(line) is not in\n\(text)")
            }
            let own = try await rig.openssl("x509", "-in", rig.bundle, "-noout", "-text").output
            for line in ["X509v3 Basic Constraints: critical", "CA:TRUE, pathlen:1", "Certificate Sign, CRL Sign"] {
                #expect(own.contains(line), "\(line) is not in\n\(own)")
            }
            let fingerprint = try await rig.openssl("x509", "-in", rig.bundle, "-noout", "-fingerprint", "-sha256")
            let digits = fingerprint.output.split(separator: "=").last.map { $0.filter(\.isHexDigit).lowercased() }
            #expect(digits == rig.authority.fingerprint)
        }
    }

    @Test(
        "who knows the old authority alone believes the new one by the old one's word, and nobody whom that one vouches for"
    )
    func vouching() async throws {
        try await withRig { rig async throws in
            let next = try CertificateAuthority(cluster: "default", now: Date())
            let third = try CertificateAuthority(cluster: "default", now: Date())
            let words = [
                "vouch": try rig.authority.vouch(for: next, now: Date()),
                "further": try rig.authority.vouch(for: next, now: Date()) + "\n"
                    + (try next.vouch(for: third, now: Date())),
            ]
            for (name, text) in words { try write(text, to: "\(rig.folder)/\(name)") }
            func verify(by signer: CertificateAuthority, _ words: String...) async throws -> Int32 {
                let request = try CertificateRequest(pem: try KeyPair().request(name: "any"))
                let leaf = "\(rig.folder)/leaf.pem"
                try write(try signer.issue(request, for: .user("ada"), now: Date()), to: leaf)
                return try await Shell.run(
                    ["openssl", "verify", "-x509_strict", "-CAfile", rig.bundle] + words + [leaf]
                ).status
            }
            #expect(try await verify(by: next) != 0)
            #expect(try await verify(by: next, "-untrusted", "\(rig.folder)/vouch") == 0)
            #expect(try await verify(by: third, "-untrusted", "\(rig.folder)/vouch") != 0)
            #expect(try await verify(by: third, "-untrusted", "\(rig.folder)/further") != 0)
        }
    }

    @Test("openssl believes what etcd's authority signs, by the cluster's, and reads no common name in it")
    func store() async throws {
        try await withRig { rig async throws in
            let store = try StoreAuthority(appointedBy: rig.authority, now: Date())
            let request = try CertificateRequest(pem: try KeyPair().request(name: "CN of a request"))
            let (leaf, middle) = ("\(rig.folder)/leaf.pem", "\(rig.folder)/middle.pem")
            try write(store.certificatePEM, to: middle)
            for (pem, purpose) in [
                (try store.issueMember(request, addresses: ["10.0.0.1"], now: Date()), "sslserver"),
                (try store.issueMember(request, addresses: ["10.0.0.1"], now: Date()), "sslclient"),
                (try store.issueClient(request, name: "x", now: Date()), "sslclient"),
            ] {
                try write(pem, to: leaf)
                let words = [
                    "verify", "-x509_strict", "-CAfile", rig.bundle, "-untrusted", middle, "-purpose", purpose,
                ]
                let believed = try await Shell.run(["openssl"] + words + [leaf])
                #expect(believed.status == 0, "\(believed.error)")
                // etcd trusts the middle one alone.
                let partial = ["verify", "-partial_chain", "-CAfile", middle, "-purpose", purpose, leaf]
                #expect(try await Shell.run(["openssl"] + partial).status == 0)
                let text = try await rig.openssl("x509", "-in", leaf, "-noout", "-text").output
                let names = "X509v3 Subject Alternative Name: critical"
                #expect(text.contains(names) && !text.contains("CN of a request"), "\(text)")
                #expect(try await rig.openssl("x509", "-in", leaf, "-noout", "-subject").lines == ["subject="])
            }
            try write(try store.issueClient(request, name: "x", now: Date()), to: leaf)
            let server = ["verify", "-partial_chain", "-CAfile", middle, "-purpose", "sslserver", leaf]
            #expect(try await Shell.run(["openssl"] + server).status != 0)
        }
    }

    @Test("openssl finds our key and our request to be whole")
    func request() async throws {
        try await withRig { rig async throws in
            let (request, key) = ("\(rig.folder)/request.pem", "\(rig.folder)/key.pem")
            try write(try rig.machine.request(name: "machine:x"), to: request)
            try IdentityFile.write(rig.machine.pem, to: key, mode: IdentityFile.secretMode)
            let verified = try await rig.openssl("req", "-in", request, "-noout", "-verify")
            #expect(verified.status == 0, "\(verified.error)")
            let checked = try await rig.openssl("pkey", "-in", key, "-noout", "-check")
            #expect(checked.status == 0, "\(checked.error)")
            let ofKey = try await rig.openssl("pkey", "-in", key, "-pubout").output
            let ofRequest = try await rig.openssl("req", "-in", request, "-noout", "-pubkey").output
            #expect(ofKey.hasPrefix("-----BEGIN PUBLIC KEY-----"))
            #expect(ofKey == ofRequest)
        }
    }

    @Test("keys and requests that openssl made are taken, and its forgeries refused")
    func reverse() async throws {
        try await withRig { rig async throws in
            let (request, key) = ("\(rig.folder)/request.pem", "\(rig.folder)/key.pem")
            let made = try await rig.openssl(
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                "-subj", "/CN=user:root", "-out", request)
            try #require(made.status == 0, "\(made.error)")
            let pair = try KeyPair(pem: try contents(key))
            #expect(try CertificateRequest(pem: try contents(request)).publicKey == pair.certificateKey.publicKey)

            // A certificate like ours in every word, by an authority of the same name but another key.
            let subject = try await rig.openssl("x509", "-in", rig.bundle, "-noout", "-subject", "-nameopt", "compat")
            let name = subject.lines.first.map { String($0.trimmingPrefix("subject=")) }
            let (fake, fakeKey) = ("\(rig.folder)/fake.pem", "\(rig.folder)/fake.key")
            let authority = try await rig.openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                fakeKey, "-out", fake, "-days", "2", "-subj", try #require(name))
            try #require(authority.status == 0, "\(authority.error)")
            let impostor = try TrustBundle(pem: try contents(fake))
            #expect(impostor.authorities.map(\.subject) == [rig.authority.certificate.subject])
            let extensions = "\(rig.folder)/extensions"
            try write(
                "subjectAltName=URI:flotilla://default/user/root\nextendedKeyUsage=clientAuth\n", to: extensions)
            let forged = try await rig.openssl(
                "x509", "-req", "-in", request, "-CA", fake, "-CAkey", fakeKey, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", "\(rig.folder)/forged.pem")
            try #require(forged.status == 0, "\(forged.error)")
            let bytes = try der(try contents("\(rig.folder)/forged.pem"))
            let error = await #expect(throws: IdentityError.self) {
                try await rig.authority.trust.verify(der: bytes, cluster: "default", now: Date())
            }
            #expect(error?.code == .unknownAuthority)
            // With its own authority it is good: nothing but the signature was wrong.
            let peer = try await impostor.verify(der: bytes, cluster: "default", now: Date())
            #expect(peer.principal == .user("root"))
        }
    }
}
