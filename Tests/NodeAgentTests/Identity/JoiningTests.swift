// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Identity
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

    private struct Rig {
        let registry: ClusterRegistry
        let notebook = Notebook()
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
            let routes = IdentityRoutes(
                registry: registry, cluster: "default", own: try OwnIdentity(folder: own, cluster: "default"),
                desk: AuthorityDesk(folder: authority, registry: registry, access: nil, etcdEndpoints: []))
            service = APIService(
                access: RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)),
                version: "9.9", extraRoutes: routes.routes, audit: notebook)
        }

        func post(_ path: String, _ body: some Encodable, by caller: Caller = .itself) async throws -> ServerReply {
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
}
