// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Authority
import Etcd
import FleetCore
import FoundationEssentials
import Identity
import Registry
import TestSupport
import Testing

@testable import ClusterManager

/// The password of a real etcd's root, as `cluster init` finds it or makes it.
@Suite("cluster init and the password of etcd's root", .timeLimit(.minutes(5)))
struct RootPasswordTests {
    /// An authority's folder, an etcd that asks for logins, and a file with the password that root had at first.
    private struct Rig {
        let folder: AuthorityFolder
        let server: EtcdServer
        let access: StoreAccess
        let file: String

        init(_ path: String) async throws {
            server = try await EtcdServer.start()
            folder = AuthorityFolder(path: path + "/authority")
            let made = try CertificateAuthority(cluster: "default", now: Date())
            try folder.store(made, bundle: made.trust)
            file = path + "/etcd-root"
            try IdentityFile.write("given\n", to: file, mode: IdentityFile.secretMode)
            access = try StoreAccess(
                server.configuration(timeout: .seconds(30)), rootPassword: "given", cluster: .default)
            try await access.prepare()
        }

        /// What `cluster init` logs in with, which is given the file or not.
        func password(naming isNamed: Bool = true) async throws -> String {
            let words = ["--directory", folder.path, "--etcd-endpoints", server.endpoint]
            return try await ClusterInit.parse(words + (isNamed ? ["--etcd-root-password-file", file] : []))
                .rootPassword()
        }
    }

    @Test(
        "a second one with the file of the first keeps the password that counts by now, and a new file takes its place")
    func second() async throws {
        try await withTemporaryFolder { path in
            let rig = try await Rig(path)
            #expect(try await rig.password() == "given")
            #expect(try rig.folder.etcdPassword() == "given")
            let new = StoreAccess.randomPassword()
            try await rig.access.setRootPassword(to: new)
            try rig.folder.storeEtcdPassword(new)
            #expect(try await rig.password() == new)
            #expect(try rig.folder.etcdPassword() == new)
            // An operator has changed it, and names it.
            try await rig.access.setRootPassword(to: "given")
            #expect(try await rig.password() == "given")
            #expect(try rig.folder.etcdPassword() == "given")
        }
    }

    @Test("a password whose change broke off after etcd had it is kept, too", arguments: [true, false])
    func brokenOff(isNamed: Bool) async throws {
        try await withTemporaryFolder { path in
            let rig = try await Rig(path)
            try rig.folder.storeEtcdPassword("given")
            let next = StoreAccess.randomPassword()
            try rig.folder.etcdPasswords.keepNext(next)
            // etcd has not had it yet, and may still get it.
            #expect(try await rig.password(naming: isNamed) == "given")
            #expect(try rig.folder.etcdPasswords.next() == next)
            try await rig.access.setRootPassword(to: next)
            #expect(try await rig.password(naming: isNamed) == next)
            #expect(try rig.folder.etcdPassword() == next)
            #expect(try rig.folder.etcdPasswords.next() == nil)
        }
    }
}
