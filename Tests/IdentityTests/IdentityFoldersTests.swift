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
                key: key, certificate: certificate, authorities: scene.authority.trust.pem, etcdPassword: "pass word")
            #expect(folder.exists)
            #expect(try folder.key().pem == key.pem)
            #expect(try folder.certificate() == certificate)
            #expect(try folder.trust().fingerprints == [scene.authority.fingerprint])
            #expect(try IdentityFile.read(folder.etcdPasswordFile, isSecret: true) == "pass word\n")
            #expect(try mode(folder.path) == 0o700)
            #expect(try mode(folder.keyFile) == 0o600)
            #expect(try mode(folder.etcdPasswordFile) == 0o600)

            try #require(chmod(folder.keyFile, 0o644) == 0)
            let error = #expect(throws: IdentityError.self) { try folder.key() }
            #expect(error?.code == .file)
        }
    }

    @Test(
        "a machine whose joining broke off has not joined", arguments: ["key.pem", "authorities.pem", "etcd-password"])
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
                    authorities: scene.authority.trust.pem, etcdPassword: "p")
            }
            #expect(!folder.exists)
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
