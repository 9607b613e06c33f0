// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Identity
import Registry
import TestSupport
import Testing

@testable import NodeAgent

/// Which machines get a login at etcd, and which go through others.
@Suite("Who is admitted without a login at etcd", .timeLimit(.minutes(5)))
struct GateAdmissionTests {
    private static let text = String(repeating: "0a", count: 16)

    private struct Rig {
        let server: EtcdServer
        let desk: AuthorityDesk
        let access: StoreAccess
        let routes: IdentityRoutes
        let id: MachineID

        init(_ path: String) async throws {
            server = try await EtcdServer.start()
            let authority = AuthorityFolder(path: path + "/authority")
            let made = try CertificateAuthority(cluster: "default", now: Date() - 86_400)
            try authority.store(made, bundle: made.trust)
            access = try StoreAccess(
                server.configuration(timeout: .seconds(30)), rootPassword: "r", cluster: .default)
            try await access.prepare()
            let registry = ClusterRegistry(store: access.etcd, firstPause: .milliseconds(1))
            desk = AuthorityDesk(
                folder: authority, registry: registry, access: access, etcdEndpoints: [server.endpoint])
            id = try required(MachineID(GateAdmissionTests.text))
            let key = KeyPair()
            let own = MachineFolder(path: path + "/identity")
            try own.store(
                key: key,
                certificate: try made.issue(
                    try CertificateRequest(pem: try key.request(name: "x")),
                    for: .machine(String(repeating: "f", count: 32)), addresses: ["127.0.0.1"], now: Date()),
                authorities: made.trust.pem, etcdPassword: nil, etcdCertificate: nil)
            routes = IdentityRoutes(
                registry: registry, cluster: "default",
                own: try OwnIdentity(folder: own, cluster: "default"), desk: desk)
        }

        func admit(_ roles: Set<String>, usesGates: Bool) async throws -> AuthorityDesk.Membership {
            try await desk.admit(
                AuthorityDesk.Admission(machine: id, name: "a", addresses: [], roles: roles, usesGates: usesGates),
                request: try KeyPair().request(name: "machine"), now: Date(), mayReplace: true)
        }

        func post(_ path: String, _ body: some Encodable) async throws -> ServerReply {
            let bytes = [UInt8](try JSONEncoder().encode(body))
            let service = APIService(
                access: RegistryClusterAccess(registry: desk.registry, view: ClusterView(registry: desk.registry)),
                version: "9.9", extraRoutes: routes.routes)
            return await service.respond(
                to: ServerRequest(
                    method: "POST", target: API.ownPrefix + path, caller: .itself,
                    body: { () async throws(ServerFailure) in bytes }))
        }
    }

    private func withRig(_ body: (Rig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder async throws in try await body(try await Rig(folder)) }
    }

    @Test("a worker that goes through gates loses the login that it had, and gets no certificate for etcd")
    func admission() async throws {
        try await withRig { rig async throws in
            let former = try await rig.admit(["agent"], usesGates: false)
            #expect(former.login != nil && former.etcdCertificate != nil)
            #expect(try await rig.access.admitted() == [rig.id])
            let gated = try await rig.admit(["agent"], usesGates: true)
            #expect(gated.login == nil && gated.etcdCertificate == nil)
            #expect(try await rig.access.admitted().isEmpty)
            let identity = try #require(try await rig.desk.registry.machineIdentity(rig.id))
            #expect(identity.usesGates && identity.leaseFront != nil)
            // Who comes back has new leases, and who has a login has them from etcd.
            _ = try await rig.admit(["agent"], usesGates: true)
            #expect(try await rig.desk.registry.machineIdentity(rig.id)?.leaseFront != identity.leaseFront)
            _ = try await rig.admit(["agent"], usesGates: false)
            #expect(try await rig.desk.registry.machineIdentity(rig.id)?.leaseFront == nil)
            _ = try await rig.admit(["agent"], usesGates: true)
            let error = await #expect(throws: AuthorityError.self) {
                _ = try await rig.admit(["agent", "api"], usesGates: true)
            }
            #expect("\(try required(error))".contains("engine or the API"))
        }
    }

    @Test("its next certificate is for other machines alone, and nobody asks it for a password in etcd")
    func renewal() async throws {
        try await withRig { rig async throws in
            for usesGates in [true, false] {
                _ = try await rig.admit(["agent"], usesGates: usesGates)
                let order = API.CertificateOrder(request: try KeyPair().request(name: "machine"))
                let reply = try await rig.post("/machines/\(rig.id)/certificate", order)
                guard case .bytes(let bytes) = reply.body else { throw NeverCame(description: "no certificate") }
                let issued = try JSONDecoder().decode(API.IssuedCertificate.self, from: Data(bytes))
                #expect((issued.etcdCertificate == nil) == usesGates)
                let status = try await rig.post("/machines/\(rig.id)/password/rotate", [String: String]()).status
                #expect(status == (usesGates ? 409 : 204))
            }
        }
    }

    @Test("an agent that knows no gates gets a login as before, and so does every machine that is no worker")
    func joining() async throws {
        try await withRig { rig async throws in
            let (a, b) = ("tls:10.0.0.1:49154", "tls:10.0.0.2:49154")
            for (number, (address, roles)) in [
                (a, ["agent", "api"]), (b, ["api"]), ("tls:10.0.0.3:49154", ["agent"]), ("tcp:10.0.0.4:1", ["api"]),
            ].enumerated() {
                let id = try required(MachineID(String(repeating: "\(number + 1)", count: 32)))
                try await rig.desk.registry.addMachine(
                    MachineIdentity(id: id, name: "m", roles: Set(roles), joinedAt: 1))
                let (lease, _) = try await rig.desk.registry.store.grantLease(ttl: 600)
                _ = try await rig.desk.registry.register(
                    MachineRecord(id: id, name: "m", address: "10.0.0.1", apiAddress: address, token: "t"),
                    lease: lease)
            }
            for (roles, takesGates, gates) in [
                (["agent"], true, [a, b]), (["agent"], nil, nil), (["agent", "engine", "api"], true, nil),
            ] as [([String], Bool?, [String]?)] {
                let made = try await rig.post(
                    "/tokens", API.TokenOrder(ttl: 600, uses: 1, roles: roles, metadata: [:]))
                guard case .bytes(let token) = made.body else { throw NeverCame(description: "no token") }
                let joined = try await rig.post(
                    "/join",
                    API.JoinRequest(
                        token: try JSONDecoder().decode(API.NewToken.self, from: Data(token)).token,
                        request: try KeyPair().request(name: "machine"), machine: rig.id.rawValue, name: "w",
                        addresses: [], takesGates: takesGates))
                guard case .bytes(let bytes) = joined.body else { throw NeverCame(description: "no answer") }
                let etcd = try JSONDecoder().decode(API.JoinAnswer.self, from: Data(bytes)).etcd
                #expect(etcd.gates == gates && etcd.endpoints == [rig.server.endpoint])
                #expect((etcd.user == nil) == (gates != nil) && (etcd.certificate == nil) == (gates != nil))
                try await rig.desk.registry.revokeMachine(rig.id, at: AuthorityDesk.moment(Date()))
            }
        }
    }
}
