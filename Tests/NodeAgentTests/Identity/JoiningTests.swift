// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import HTTPTransport
import Identity
import Logging
import Registry
import Synchronization
import TestSupport
import Testing

@testable import NodeAgent

/// The paths about tokens and joining, as an agent with the authority serves them.
@Suite("Who joins, and what a token may carry")
struct JoiningTests {
    private static let machine = String(repeating: "a1", count: 16)

    private final class Notebook: AuditKeeper {
        let acts = Mutex<[AuditedAct]>([])
        func record(_ act: AuditedAct) async { acts.withLock { $0.append(act) } }
        var refusals: [AuditedAct] { acts.withLock { $0.filter(\.isRefusal) } }
    }

    /// The records as they are in the store at the moment.
    private struct StoredRecords: IdentityRecords {
        let registry: ClusterRegistry

        func user(_ name: String) async throws(RecordsUnread) -> (role: Caller.Role, since: Int64)? {
            guard let user = try? await registry.userIdentity(name), user.revokedAt == nil,
                let role = Caller.Role(rawValue: user.role.rawValue)
            else { return nil }
            return (role, user.createdAt / 1000)
        }

        func machine(_ id: String) async throws(RecordsUnread) -> Int64? {
            guard let id = MachineID(id), let machine = try? await registry.machineIdentity(id),
                machine.revokedAt == nil
            else { return nil }
            return machine.joinedAt / 1000
        }
    }

    private struct Rig {
        let registry: ClusterRegistry
        let notebook = Notebook()
        let desk: AuthorityDesk
        private let ownIdentity: OwnIdentity
        private let service: APIService
        private static let stranger = Caller.unknown(origin: "10.0.0.9", reason: "no certificate was shown")

        init(_ folder: String) throws {
            let authority = AuthorityFolder(path: folder + "/authority")
            let made = try CertificateAuthority(cluster: "default", now: Date() - 86_400)
            try authority.store(made, bundle: made.trust)
            let key = KeyPair()
            let own = MachineFolder(path: folder + "/identity")
            try own.store(
                key: key,
                certificate: try made.issue(
                    try CertificateRequest(pem: try key.request(name: "x")),
                    for: .machine(String(repeating: "f", count: 32)), addresses: ["127.0.0.1"], now: Date()),
                authorities: made.trust.pem, etcdPassword: nil, etcdCertificate: nil)
            registry = ClusterRegistry(store: MemoryStore())
            ownIdentity = try OwnIdentity(folder: own, cluster: "default")
            desk = AuthorityDesk(folder: authority, registry: registry, access: nil, etcdEndpoints: [])
            let routes = IdentityRoutes(registry: registry, cluster: "default", own: ownIdentity, desk: desk)
            service = APIService(
                access: RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)),
                version: "9.9", extraRoutes: routes.routes, audit: notebook)
        }

        func post(_ path: String, _ body: some Encodable, by caller: Caller = .itself) async throws -> ServerReply {
            try await post(path, body, by: caller, at: service)
        }

        /// Asks a machine of the cluster that does not have the authority.
        func postElsewhere(_ path: String, _ body: some Encodable) async throws -> ServerReply {
            let routes = IdentityRoutes(registry: registry, cluster: "default", own: ownIdentity, desk: nil)
            return try await post(
                path, body, by: .itself,
                at: APIService(
                    access: RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)),
                    version: "9.9", extraRoutes: routes.routes))
        }

        private func post(
            _ path: String, _ body: some Encodable, by caller: Caller, at service: APIService
        ) async throws -> ServerReply {
            let bytes = [UInt8](try JSONEncoder().encode(body))
            return await service.respond(
                to: ServerRequest(
                    method: "POST", target: API.ownPrefix + path, caller: caller,
                    body: { () async throws(ServerFailure) in bytes }))
        }

        /// Asks for a token, and gives the answer's status and the token, if there is one.
        func token(
            uses: Int = 5, _ metadata: [String: String] = [:]
        ) async throws -> (status: Int, text: String, words: String) {
            let reply = try await post(
                "/tokens", API.TokenOrder(ttl: 600, uses: uses, roles: ["agent"], metadata: metadata))
            guard case .bytes(let bytes) = reply.body else { return (reply.status, "", "") }
            let words = String(decoding: bytes, as: UTF8.self)
            guard reply.status == 201 else { return (reply.status, "", words) }
            return (reply.status, try JSONDecoder().decode(API.NewToken.self, from: Data(bytes)).token, words)
        }

        /// Joins as somebody without a certificate, and gives the answer's status.
        func join(_ token: String, as machine: String) async throws -> Int {
            let request = try KeyPair().request(name: "machine:\(machine)")
            return try await post(
                "/join",
                API.JoinRequest(token: token, request: request, machine: machine, name: "thief", addresses: []),
                by: Self.stranger
            ).status
        }

        /// Who somebody is that shows a certificate now, by the cluster's records.
        func identity(showing pem: String) async throws -> Caller.Identity {
            let lines = pem.split(separator: "\n")
                .drop { !$0.hasPrefix("-----BEGIN") }.dropFirst().prefix { !$0.hasPrefix("-----END") }
            let certificate = try #require(Data(base64Encoded: lines.joined(separator: "")))
            return await CertificateRecognition(identity: ownIdentity, records: StoredRecords(registry: registry))
                .caller(at: .tls(address: "10.0.0.9", certificate: [UInt8](certificate))).identity
        }

        /// Serves the paths over TLS while `body` runs.
        func serve(_ body: (APIEndpoint) async throws -> Void) async throws {
            let routes = IdentityRoutes(registry: registry, cluster: "default", own: ownIdentity, desk: desk).routes
            try await SecuredServer.listen(
                routes, before: registry, ownIdentity, StoredRecords(registry: registry), notebook
            ) {
                endpoint async throws in try await body(endpoint)
            }
        }

        /// The users as `user list` is told of them.
        func users() async throws -> [API.User] {
            let reply = await service.respond(
                to: ServerRequest(
                    method: "GET", target: API.ownPrefix + "/users", caller: .itself,
                    body: { () async throws(ServerFailure) in [] }))
            guard case .bytes(let bytes) = reply.body else { return [] }
            return try JSONDecoder().decode(API.UserList.self, from: Data(bytes)).users
        }

        func usesLeft() async throws -> [Int] { try await registry.tokens().tokens.map(\.usesLeft) }
    }

    private func withRig(_ body: (Rig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder async throws in try await body(try Rig(folder)) }
    }

    @Test("who would take a living machine's place leaves a trace each time, and the token keeps its uses")
    func takeover() async throws {
        try await withRig { rig async throws in
            let token = try await rig.token(uses: 3).text
            #expect(try await rig.join(token, as: Self.machine) == 201)
            #expect(rig.notebook.refusals.isEmpty)
            for attempt in 1...2 {
                #expect(try await rig.join(token, as: Self.machine) == 409)
                #expect(rig.notebook.refusals.count == attempt)
                let act = try #require(rig.notebook.refusals.last)
                #expect(act.caller == Caller.strangerName && act.origin == "10.0.0.9" && act.status == 409)
                #expect(act.action == "POST /flotilla/v1/join")
                #expect(act.reason?.contains("a1a1a1a1 is one of the cluster already") == true)
            }
            #expect(try await rig.usesLeft() == [2])
        }
    }

    @Test("every join that is refused leaves a trace, whatever it is refused for")
    func refusedJoins() async throws {
        try await withRig { rig async throws in
            let good = try await rig.token(uses: 1).text
            let foreign = JoinToken(fingerprint: String(repeating: "0", count: 64)).text
            let joins = [
                (foreign, Self.machine, 403), ("no token", Self.machine, 400), (good, "x", 400),
                (good, String(repeating: "0", count: 32), 400),
            ]
            for (index, (token, machine, status)) in joins.enumerated() {
                #expect(try await rig.join(token, as: machine) == status)
                #expect(rig.notebook.refusals.map(\.status).last == status && rig.notebook.refusals.count == index + 1)
            }
            #expect(try await rig.usesLeft() == [1])
        }
    }

    @Test("a machine that is refused is as it was: the folders that were made for its identity are gone")
    func nothingLeft() async throws {
        try await withRig { rig async throws in
            let good = try JoinToken(text: try await rig.token().text)
            let base = try TemporaryFolder()
            try HostFiles.write(Self.machine, to: base.path + "/machine-id")
            let identity = try HostIdentity(machineIDFile: base.path + "/machine-id")
            try HostFiles.makeFolder(base.path + "/there")
            try await rig.serve { endpoint async throws in
                for folder in ["none/identity", "there"] {
                    let plan = try JoinPlan(
                        endpoint: endpoint, token: JoinToken(fingerprint: good.fingerprint), identity: identity,
                        address: nil, port: 1, folder: MachineFolder(path: "\(base.path)/\(folder)"),
                        settingsFile: base.path + "/settings/node-agent.conf")
                    let error = await #expect(throws: APIError.self) { _ = try await plan.join() }
                    #expect(error?.status == 403, "\(error?.message ?? "")")
                }
            }
            #expect(HostFiles.names(in: base.path) == ["machine-id", "there"])
            #expect(HostFiles.names(in: base.path + "/there").isEmpty)
        }
    }

    @Test("a user is listed with the date at which it was made, not with that of a certificate which is older")
    func userDates() async throws {
        try await withRig { rig async throws in
            try await rig.registry.addUser(
                UserIdentity(name: "admin", role: .admin, createdAt: 7_000, addedAt: 9_000))
            try await rig.registry.addUser(UserIdentity(name: "vera", role: .viewer, createdAt: 8_000))
            let users = try await rig.users().sorted { $0.name < $1.name }
            #expect(users.map(\.name) == ["admin", "vera"] && users.map(\.createdAt) == [9_000, 8_000])
        }
    }

    @Test("metadata that no machine can have make no token")
    func metadata() async throws {
        try await withRig { rig async throws in
            let bad = [
                ["role": "a\nb"], ["role": "a\u{2028}b"], ["role": "\"a\""], ["role": "a\\"], ["role": "a,b"],
                ["role": "a=b"], ["role": " a"], ["role": ""], ["": "a"], ["..": "a"], [".": "a"], ["a b": "c"],
                ["a/b": "c"], ["a\nb": "c"], ["good": "good", "a=b": "c"],
                ["role": String(repeating: "x", count: 1025)],
            ]
            for metadata in bad {
                let answer = try await rig.token(metadata)
                #expect(answer.status == 400, "\(metadata)")
                #expect(answer.words.contains("metadata") || answer.words.contains("settings"), "\(answer.words)")
            }
            let many = Dictionary(uniqueKeysWithValues: (0..<65).map { ("k\($0)", "v") })
            #expect(try await rig.token(many).status == 400)
            #expect(try await rig.usesLeft().isEmpty)
            #expect(try await rig.token(["role": "worker", "a.B_c-1": "it's Köln 2"]).status == 201)
        }
    }

    @Test("what a token may carry is what the settings of a machine that joins give back, and nothing else gets there")
    func settings() throws {
        func text(_ metadata: [String: String]) throws -> String {
            try MembershipSettings(
                cluster: "default", address: "10.0.0.2", apiPort: 49_154, roles: ["agent"], metadata: metadata,
                etcdEndpoints: ["http://10.0.0.1:2379"], etcdUser: nil, hasForeignEtcd: false,
                folder: MachineFolder(path: "/x")
            ).text()
        }
        let metadata = ["role": "worker", "a.B_c-1": "it's Köln 2", "x": "a:b/c", "q": "'q'"]
        #expect(MetadataPair.complaint(metadata) == nil)
        let sources = try SettingSources(
            flags: [:], environment: [:], file: (path: "node-agent.conf", text: try text(metadata)))
        let read = try AgentSettings(sources) { _ in "" }
        #expect(read.metadata == metadata && read.roles == [.agent])
        for bad in [["role": "a\u{2028}FLOTILLA_ROLES=api"], ["role": "a=b"], ["..": "a"]] {
            let error = #expect(throws: IdentityError.self) { try text(bad) }
            #expect(error?.message.hasPrefix("the cluster sent metadata that no machine can have: ") == true)
        }
    }

    @Test("joining replaces the settings that come with the cluster, and leaves an operator's lines as they stand")
    func keptSettings() async throws {
        let former = """
            # Rack 4; ask Ada before changing this.
            FLOTILLA_SESSION_TTL=8
              etcd-endpoints = http://old:2379
            FLOTILLA_ETCD_ENDPOINTS='http://older:2379'
            log-level=debug

            FLOTILLA_ETCD_USER="former"
            ; FLOTILLA_ROLES=api
            FLOTILLA_METADATA="rack=4,zone=old,bad"
            public_ip=10.9.9.9
            """
        func text(_ metadata: [String: String]) throws -> String {
            try MembershipSettings(
                cluster: "default", address: "10.0.0.2", apiPort: 49_154, roles: ["agent"], metadata: metadata,
                etcdEndpoints: ["http://10.0.0.1:2379"], etcdUser: nil, hasForeignEtcd: false,
                folder: MachineFolder(path: "/x")
            ).text(keeping: former)
        }
        let lines = try text(["zone": "new"]).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines.prefix(8).map(String.init) == [
                "# Rack 4; ask Ada before changing this.", "FLOTILLA_SESSION_TTL=8",
                #"FLOTILLA_ETCD_ENDPOINTS="http://10.0.0.1:2379""#, "log-level=debug", "", "; FLOTILLA_ROLES=api",
                #"FLOTILLA_METADATA="rack=4,zone=new""#, "public_ip=10.9.9.9",
            ], "\(lines)")
        let read = try AgentSettings(
            SettingSources(flags: [:], environment: [:], file: (path: "f", text: try text(["zone": "new"])))
        ) { _ in "" }
        #expect(read.sessionTTL == 8 && read.roles == [.agent] && read.publicIP == "10.0.0.2")
        #expect(read.etcd.endpoints == ["http://10.0.0.1:2379"] && read.etcd.user == nil)
        #expect(read.metadata == ["rack": "4", "zone": "new"] && read.identityDirectory == "/x")
        // A token without metadata takes none away.
        #expect(try text([:]).contains(#"FLOTILLA_METADATA="rack=4,zone=old,bad""#))
        #expect(try text([:]).split(separator: "\n").last == #"FLOTILLA_IDENTITY_DIRECTORY="/x""#)
    }

    @Test("joining drops a former certificate for etcd and insecure; beside an etcd of others the certificate stays")
    func droppedSettings() throws {
        let former = """
            # Before it joined.
            FLOTILLA_ETCD_CERT_FILE=/old/c.pem
            etcd-key-file=/old/k.pem
            FLOTILLA_INSECURE=on
            insecure=on
            log-level=debug
            """
        for isForeign in [false, true] {
            let text = try MembershipSettings(
                cluster: "default", address: "10.0.0.2", apiPort: 49_154, roles: ["agent"], metadata: [:],
                etcdEndpoints: ["https://10.0.0.1:2379"], etcdUser: nil, hasForeignEtcd: isForeign,
                folder: MachineFolder(path: "/x")
            ).text(keeping: former)
            #expect(!text.lowercased().contains("insecure"), "\(text)")
            #expect(text.hasPrefix("# Before it joined.\n") && text.contains("\nlog-level=debug\n"), "\(text)")
            let read = try AgentSettings(
                SettingSources(flags: [:], environment: [:], file: (path: "f", text: text))
            ) { _ in "" }
            #expect(!read.isInsecure)
            #expect(read.etcd.tls?.certificateFile == (isForeign ? "/old/c.pem" : nil))
            #expect(read.etcd.tls?.keyFile == (isForeign ? "/old/k.pem" : nil))
        }
    }

    @Test(
        "a machine that joins with settings of its own keeps them, and one whose settings cannot be read keeps its token"
    )
    func joinsWithSettings() async throws {
        try await withRig { rig async throws in
            let token = try JoinToken(text: try await rig.token(uses: 1).text)
            let base = try TemporaryFolder()
            try HostFiles.write(Self.machine, to: base.path + "/machine-id")
            let identity = try HostIdentity(machineIDFile: base.path + "/machine-id")
            let file = base.path + "/node-agent.conf"
            try await rig.serve { endpoint async throws in
                func plan(_ settingsFile: String) throws -> JoinPlan {
                    try JoinPlan(
                        endpoint: endpoint, token: token, identity: identity, address: nil, port: 1,
                        folder: MachineFolder(path: base.path + "/identity"), settingsFile: settingsFile)
                }
                try HostFiles.write(String(repeating: "#", count: 2 << 20), to: base.path + "/large")
                await #expect(throws: IdentityError.self) { _ = try await plan(base.path + "/large").join() }
                #expect(try await rig.usesLeft() == [1])
                try HostFiles.write("# mine\nFLOTILLA_SESSION_TTL=8\n", to: file)
                let answer = try await plan(file).join()
                #expect(try await rig.usesLeft() == [0])
                // A worker goes through who let it in, and has nothing that etcd would take.
                #expect(answer.etcd.gates == [] && answer.etcd.certificate == nil && answer.etcd.user == nil)
                #expect(try IdentityFile.read(file).contains("FLOTILLA_STORE_GATES=\"\(endpoint)\""))
                #expect(!IdentityFile.exists(base.path + "/identity/etcd-credentials.pem"))
                #expect(try await rig.registry.machineIdentity(identity.id)?.usesGates == true)
                #expect(
                    try IdentityFile.read(file).hasPrefix("# mine\nFLOTILLA_SESSION_TTL=8\nFLOTILLA_ETCD_ENDPOINTS="))
            }
        }
    }

    @Test(
        "a user made anew within the second of his revocation, or by a clock behind, has his new certificate alone",
        arguments: [0, 1, 30, 86_400] as [Int64])
    func userAnew(lead: Int64) async throws {
        try await withRig { rig async throws in
            let now = Date()
            let request = try KeyPair().request(name: "user:ada")
            let former = try await rig.desk.addUser("ada", role: .admin, request: request, now: now).certificate
            #expect(try await rig.identity(showing: former) == .user(.admin))
            let renewed = try rig.desk.renew(user: "ada", request: request, now: now).certificate
            try await rig.registry.revokeUser("ada", at: AuthorityDesk.moment(now) + lead * 1000)
            let new = try await rig.desk.addUser("ada", role: .viewer, request: request, now: now).certificate
            #expect(try await rig.identity(showing: new) == .user(.viewer))
            for old in [former, renewed] {
                #expect(
                    try await rig.identity(showing: old)
                        == .unknown(reason: "this certificate of user ada was revoked"))
            }
        }
    }

    @Test("a machine that joins anew within the second of its revocation has its new certificate alone")
    func machineAnew() async throws {
        try await withRig { rig async throws in
            let now = Date()
            let id = try #require(MachineID(Self.machine))
            let request = try KeyPair().request(name: "machine:\(Self.machine)")
            let admission = AuthorityDesk.Admission(machine: id, name: "a", addresses: [], roles: ["agent"])
            let former = try await rig.desk.admit(admission, request: request, now: now).certificate
            #expect(try await rig.identity(showing: former) == .machine(id: Self.machine))
            try await rig.registry.revokeMachine(id, at: AuthorityDesk.moment(now))
            let new = try await rig.desk.admit(admission, request: request, now: now).certificate
            #expect(try await rig.identity(showing: new) == .machine(id: Self.machine))
            #expect(
                try await rig.identity(showing: former)
                    == .unknown(reason: "this certificate of machine \(Self.machine) was revoked"))
        }
    }

    @Test("a machine without the authority says in the answer where that is")
    func elsewhere() async throws {
        try await withRig { rig async throws in
            try await rig.desk.publish(signer: "tls:10.0.0.1:49154")
            let reply = try await rig.postElsewhere("/authorities/rotate", API.Rotation(step: "begin"))
            #expect(reply.status == 421)
            guard case .bytes(let bytes) = reply.body else {
                Issue.record("the answer is empty")
                return
            }
            let body = try JSONDecoder().decode(API.ErrorBody.self, from: Data(bytes))
            #expect(body.error.askAt == ["tls:10.0.0.1:49154"])
            #expect(body.error.message.contains("ask tls:10.0.0.1:49154"))
        }
    }

    @Test("a rotation that does not fit is a conflict, and says what does")
    func rotations() async throws {
        try await withRig { rig async throws in
            for (step, status, words) in [
                ("finish", 409, "no rotation is under way"), ("begin", 200, ""), ("begin", 409, "finish it first"),
                ("finish", 200, ""), ("finish", 409, "begin one"), ("turn", 400, "begin or finish"),
            ] {
                let reply = try await rig.post("/authorities/rotate", API.Rotation(step: step))
                #expect(reply.status == status, "\(step)")
                guard case .bytes(let bytes) = reply.body else { continue }
                #expect(words.isEmpty || String(decoding: bytes, as: UTF8.self).contains(words))
            }
        }
    }
}
