// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

@testable import Identity

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

@Suite("Folders of machines and authorities")
struct IdentityFoldersTests {
    @Test("what a machine got when it joined is read back, and its secrets are its own")
    func machine() async throws {
        let scene = try Scene()
        try await withTemporaryFolder { parent in
            let folder = MachineFolder(path: "\(parent)/identity")
            #expect(!folder.exists)
            let key = KeyPair()
            let certificate = try scene.issue(.machine(Scene.machine), key: key)
            try folder.store(
                key: key, certificate: certificate, authorities: scene.authority.trust.pem, etcdPassword: "pass word",
                etcdCertificate: nil)
            #expect(folder.exists)
            let credentials = try folder.credentials()
            #expect(credentials.key.pem == key.pem)
            #expect(try der(credentials.certificate) == der(certificate))
            #expect(try folder.trust().fingerprints == [scene.authority.fingerprint])
            #expect(try IdentityFile.read(folder.etcdPasswordFile, isSecret: true) == "pass word\n")
            #expect(try mode(folder.path) == 0o700)
            for secret in [folder.keyFile, folder.credentialsFile, folder.etcdPasswordFile] {
                #expect(try mode(secret) == 0o600)
            }
            #expect(!IdentityFile.exists(folder.etcdCredentialsFile))

            try #require(chmod(folder.credentialsFile, 0o644) == 0)
            let error = #expect(throws: IdentityError.self) { try folder.credentials() }
            #expect(error?.code == .file)
        }
    }

    @Test("certificate and key are one file, made of the two of version 0.1 where need be, and go before them")
    func credentials() async throws {
        let scene = try Scene()
        try await withTemporaryFolder { parent in
            let folder = MachineFolder(path: "\(parent)/identity")
            let (old, new) = (KeyPair(), KeyPair())
            func certificate(_ key: KeyPair) throws -> String { try scene.issue(.machine(Scene.machine), key: key) }
            try IdentityFile.makeFolder(folder.path)
            try IdentityFile.write(old.pem, to: folder.keyFile, mode: IdentityFile.secretMode)
            try IdentityFile.write(try certificate(old), to: folder.certificateFile, mode: IdentityFile.publicMode)
            #expect(try folder.credentials().key.pem == old.pem)
            try folder.unite()
            // A renewal that broke off between key and certificate, as when the power went.
            try IdentityFile.write(new.pem, to: folder.keyFile, mode: IdentityFile.secretMode)
            try folder.unite()
            #expect(try folder.credentials().key.pem == old.pem)
            // Version 0.1 was back for a while, and has renewed the two.
            let later = try scene.authority.issue(
                try CertificateRequest(pem: try new.request(name: "x")), for: .machine(Scene.machine),
                now: Scene.now + 60)
            try IdentityFile.write(later, to: folder.certificateFile, mode: IdentityFile.publicMode)
            try folder.unite()
            #expect(try folder.credentials().key.pem == new.pem)
            #expect(try IdentityFile.read(folder.credentialsFile).contains("CERTIFICATE"))

            for text in ["", old.pem, try certificate(old), try certificate(old) + "\n" + new.pem] {
                try IdentityFile.write(text, to: folder.credentialsFile, mode: IdentityFile.secretMode)
                let error = #expect(throws: IdentityError.self) { try folder.credentials() }
                #expect(error?.code == .malformed, "\(text.prefix(40))")
            }
            // With what vouches for it.
            let vouch = try scene.authority.vouch(for: try Scene().authority, now: Scene.now)
            try folder.store(
                key: new, certificate: try certificate(new) + "\n" + vouch, authorities: scene.authority.trust.pem,
                etcdPassword: nil, etcdCertificate: try certificate(new))
            let parts = try folder.credentials()
            #expect(parts.key.pem == new.pem)
            #expect(parts.certificate.components(separatedBy: "BEGIN CERTIFICATE").count == 3)
            #expect(try mode(folder.etcdCredentialsFile) == 0o600)
        }
    }

    @Test("etcd's authority is made once, and keeps its key when the cluster's is another")
    func storeAuthority() async throws {
        let (scene, next) = (try Scene(), try Scene())
        try await withTemporaryFolder { parent in
            let folder = AuthorityFolder(path: "\(parent)/authority")
            try folder.store(scene.authority, bundle: scene.authority.trust)
            let made = try folder.storeAuthority(now: Scene.now)
            #expect(try folder.storeAuthority(now: Scene.now).certificatePEM == made.certificatePEM)
            #expect(try mode(folder.storeFile) == 0o600)
            try folder.store(next.authority, bundle: next.authority.trust)
            let after = try folder.storeAuthority(now: Scene.now)
            #expect(after.keyPEM == made.keyPEM && after.certificatePEM != made.certificatePEM)
        }
    }

    @Test(
        "a machine whose joining broke off has not joined",
        arguments: ["credentials.pem", "authorities.pem", "etcd-password"])
    func brokenOff(file: String) async throws {
        let scene = try Scene()
        try await withTemporaryFolder { parent in
            let folder = MachineFolder(path: "\(parent)/identity")
            // A folder where a file has to go stops the work there.
            try IdentityFile.makeFolder("\(folder.path)/\(file)")
            let key = KeyPair()
            #expect(throws: IdentityError.self) {
                try folder.store(
                    key: key, certificate: try scene.issue(.machine(Scene.machine), key: key),
                    authorities: scene.authority.trust.pem, etcdPassword: "p", etcdCertificate: nil)
            }
            #expect(!folder.exists)
        }
    }

    @Test("a password is the first line of its file, which has to be there and be its owner's alone")
    func passwordFile() async throws {
        for (text, password) in [("pass word\nrest\n", "pass word"), ("pass\r\n", "pass"), ("p", "p"), ("", "")] {
            #expect(PasswordFile.password(in: text) == password)
        }
        try await withTemporaryFolder { parent in
            let file = PasswordFile(path: "\(parent)/password")
            #expect(try file.present() == nil && file.next() == nil)
            let missing = #expect(throws: IdentityError.self) { try PasswordFile.password(inFile: file.path) }
            #expect(missing?.code == .file)
            try IdentityFile.write("pass word\r\nrest\n", to: file.path, mode: IdentityFile.secretMode)
            #expect(try PasswordFile.password(inFile: file.path) == "pass word")
            #expect(try file.present() == "pass word")
            try #require(chmod(file.path, 0o640) == 0)
            #expect(throws: IdentityError.self) { try PasswordFile.password(inFile: file.path) }
            #expect(throws: IdentityError.self) { try file.present() }
        }
    }

    @Test("an authority is kept and taken up again, and its secrets are its own")
    func authority() async throws {
        let (scene, before) = (try Scene(), try Scene())
        try await withTemporaryFolder { parent in
            let folder = AuthorityFolder(path: "\(parent)/authority")
            #expect(!folder.exists)
            let bundle = before.authority.trust.joined(with: scene.authority.trust)
            try folder.store(scene.authority, bundle: bundle)
            #expect(folder.exists)
            #expect(try folder.cluster() == Scene.cluster)
            #expect(try folder.authority().fingerprint == scene.authority.fingerprint)
            #expect(try folder.bundle().fingerprints == bundle.fingerprints)
            #expect(try folder.etcdPassword() == nil)
            try folder.storeEtcdPassword("root's own")
            #expect(try folder.etcdPassword() == "root's own")
            #expect(try mode(folder.path) == 0o700)
            #expect(try mode(folder.keyFile) == 0o600)
            #expect(try mode(folder.etcdPasswordFile) == 0o600)

            // Before the first rotation a certificate stands alone, afterwards with the former authority's word.
            #expect(try folder.chain("CERTIFICATE") == "CERTIFICATE")
            let vouch = try before.authority.vouch(for: scene.authority, now: Scene.now)
            try folder.storeVouch(vouch)
            #expect(try folder.chain("CERTIFICATE") == "CERTIFICATE\n" + vouch)

            for file in [folder.keyFile, folder.etcdPasswordFile] { try #require(chmod(file, 0o640) == 0) }
            let error = #expect(throws: IdentityError.self) { try folder.authority() }
            #expect(error?.code == .file)
            let password = #expect(throws: IdentityError.self) { try folder.etcdPassword() }
            #expect(password?.code == .file)
        }
    }

    @Test("an authority whose making broke off is none", arguments: ["cluster", "authorities.pem", "authority.pem"])
    func brokenAuthority(file: String) async throws {
        let scene = try Scene()
        try await withTemporaryFolder { parent in
            let folder = AuthorityFolder(path: "\(parent)/authority")
            try IdentityFile.makeFolder("\(folder.path)/\(file)")
            #expect(throws: IdentityError.self) {
                try folder.store(scene.authority, bundle: scene.authority.trust)
            }
            #expect(!folder.exists)
        }
    }
}
