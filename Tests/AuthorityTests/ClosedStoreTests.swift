// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import Etcd
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Registry
import TestSupport
import Testing

/// A real etcd with the settings that `cluster certificate etcd` writes, and those who would like to get in.
@Suite("A closed etcd", .timeLimit(.minutes(5)))
struct ClosedStoreTests {
    /// A cluster's authority, its etcd's files, and everybody's credentials.
    private struct Scene {
        let folder: String
        let authority: AuthorityFolder
        let files: StoreMemberFiles

        static let machine = String(repeating: "0a", count: 16)

        init(_ folder: String) throws {
            self.folder = folder
            authority = try Self.authority(in: folder + "/authority")
            files = StoreMemberFiles(folder: folder + "/tls")
            try files.make(by: authority, addresses: ["127.0.0.1"], now: Date(), life: 86_400)
        }

        private static func authority(in path: String) throws -> AuthorityFolder {
            let folder = AuthorityFolder(path: path)
            let made = try CertificateAuthority(cluster: "lab", now: Date())
            try folder.store(made, bundle: made.trust)
            return folder
        }

        /// A machine's folder as joining leaves it, by this cluster's authority or by another one.
        func machine(of other: String? = nil) throws -> MachineFolder {
            let authority = try other.map { try Self.authority(in: folder + "/" + $0) } ?? authority
            let key = KeyPair()
            let request = try CertificateRequest(pem: try key.request(name: "machine"))
            let own = MachineFolder(path: folder + "/machine-\(other ?? "own")")
            try own.store(
                key: key,
                certificate: try authority.authority().issue(request, for: .machine(Self.machine), now: Date()),
                authorities: try self.authority.bundle().pem, etcdPassword: nil,
                etcdCertificate: try authority.storeAuthority(now: Date())
                    .issueClient(request, name: Self.machine, now: Date()))
            return own
        }

        func user() throws -> TLSSettings {
            let key = KeyPair()
            let request = try CertificateRequest(pem: try key.request(name: "user"))
            return TLSSettings(
                authorities: try authority.bundle().pem,
                certificate: try authority.authority().issue(request, for: .user("ada"), now: Date()), key: key.pem)
        }

        /// With a file of certificate and key shown.
        func showing(_ file: String) -> TLSSettings {
            TLSSettings(authorityFile: authority.bundleFile, certificateFile: file, keyFile: file)
        }

        func options() throws -> EtcdServer.Options {
            var options = EtcdServer.Options()
            options.closure = EtcdServer.Closure(
                environment: files.settings, settings: showing(try machine().etcdCredentialsFile))
            return options
        }
    }

    private func send(_ path: String, to endpoint: String, _ body: String?, _ tls: TLSSettings) async -> HTTPError? {
        do {
            _ = try await HTTPClient().send(
                HTTPRequest(
                    method: body == nil ? "GET" : "POST", url: endpoint + path, body: Array((body ?? "").utf8),
                    deadline: .seconds(10), tls: tls))
            return nil
        } catch {
            return error
        }
    }

    /// What a stranger did to an open etcd: attempts 42, 43, 44, 46 and 48 of the attack of revision 27b087e.
    private static let attacks: [(path: String, body: String?)] = [
        ("/version", nil), ("/health", nil), ("/metrics", nil), ("/debug/vars", nil), ("/v2/keys/", nil),
        ("/v3/cluster/member/list", "{}"), ("/v3/lease/leases", "{}"), ("/v3/lease/keepalive", #"{"ID":"1"}"#),
        ("/v3/maintenance/alarm", #"{"action":"ACTIVATE","memberID":"0","alarm":"NOSPACE"}"#),
        ("/v3/auth/disable", "{}"), ("/v3/kv/put", #"{"key":"YQ==","value":"YQ=="}"#),
    ]

    @Test("it takes machines of the cluster, and ends with everybody else in the handshake, at both ports")
    func strangers() async throws {
        try await withTemporaryFolder { folder in
            let scene = try Scene(folder)
            let server = try await EtcdServer.start(try scene.options())
            let own = try scene.machine()
            let strangers: [(String, TLSSettings)] = [
                ("who shows nothing", TLSSettings(verifiesServer: false)),
                ("a user", try scene.user()), ("a machine's identity", scene.showing(own.credentialsFile)),
                ("a machine of another cluster", scene.showing(try scene.machine(of: "foreign").etcdCredentialsFile)),
            ]
            for (who, tls) in strangers {
                for attack in Self.attacks {
                    let error = await send(attack.path, to: server.endpoint, attack.body, tls)
                    #expect(error != nil, "\(who) has an answer from \(attack.path)")
                }
            }
            let mine = scene.showing(own.etcdCredentialsFile)
            for (who, tls) in strangers + [("a machine", mine)] {
                for path in ["/members", "/raft", "/version"] {
                    let error = await send(path, to: server.peerEndpoint, path == "/raft" ? "x" : nil, tls)
                    #expect(error != nil, "\(who) has an answer from \(path) of the peers' port")
                }
            }
            #expect(await send("/version", to: server.endpoint, nil, mine) == nil)
            var member = TLSSettings(authorityFile: scene.authority.bundleFile)
            (member.certificateFile, member.keyFile) = (scene.files.certificateFile, scene.files.keyFile)
            #expect(await send("/version", to: server.peerEndpoint, nil, member) == nil)
            #expect(try await server.client(timeout: .seconds(30)).put("a", [1]) > 0)
        }
    }

    @Test("logins and writes pass through its gateway, and it is found to be closed")
    func logins() async throws {
        try await withTemporaryFolder { folder in
            let scene = try Scene(folder)
            let server = try await EtcdServer.start(try scene.options())
            let cluster = try #require(ClusterName("lab"))
            let id = try #require(MachineID(Scene.machine))
            // As the commands do that have the authority: with a certificate made for the occasion.
            var configuration = server.configuration(timeout: .seconds(30))
            configuration.tls = try scene.authority.storeAccess(now: Date())
            let access = try StoreAccess(configuration, rootPassword: "root's own", cluster: cluster)
            func look() async -> StoreOpenness {
                await StoreOpenness.of(
                    server.endpoint, showing: configuration.tls, by: HTTPClient(), within: .seconds(30))
            }
            #expect(await look().asksForLogin == false)
            try await access.prepare()
            let login = try await access.admit(id, isManager: true)
            var machine = server.configuration(timeout: .seconds(30))
            (machine.user, machine.password) = (login.user, login.password)
            #expect(try await EtcdClient(machine).put("\(RegistryKeys(cluster: cluster).mark)", [1]) > 0)
            let found = await look()
            #expect(found.takesStrangers == false && found.asksForLogin == true && !found.isPlain)
            #expect(found.version != nil)
        }
    }

    @Test("three members take one another as peers, and go on when the authority is another")
    func members() async throws {
        try await withTemporaryFolder { folder in
            let scene = try Scene(folder)
            let cluster = try await EtcdCluster.start(options: try scene.options())
            let client = try cluster.client(timeout: .seconds(30))
            let first = try await client.put("a", [1])
            // What a rotation does; a machine believes both authorities meanwhile.
            let next = try CertificateAuthority(cluster: "lab", now: Date())
            let old = try scene.authority.authority()
            try scene.authority.storeVouch(try old.vouch(for: next, now: Date()))
            try scene.authority.store(next, bundle: try scene.authority.bundle().joined(with: next.trust))
            let fresh = try scene.authority.storeAccess(believing: nil, now: Date())
            #expect(await send("/version", to: cluster.endpoints[0], nil, fresh) == nil)
            let onlyNew = try scene.authority.storeAccess(believing: next.trust, now: Date())
            #expect(await send("/version", to: cluster.endpoints[0], nil, onlyNew) != nil)
            // etcd reads its certificate anew by itself.
            try scene.files.make(by: scene.authority, addresses: ["127.0.0.1"], now: Date(), life: 86_400)
            #expect(await send("/version", to: cluster.endpoints[0], nil, onlyNew) == nil)
            #expect(try await client.put("a", [2]) > first)
            // A machine from before, which the former authority's word has reached.
            #expect(try await EtcdClient(cluster.configuration(timeout: .seconds(30))).put("a", [3]) > first)
        }
    }
}
