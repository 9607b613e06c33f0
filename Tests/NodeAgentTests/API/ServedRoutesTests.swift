// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Authority
import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Identity
import Registry
import Systemd
import TestSupport
import Testing

@testable import NodeAgent

/// What an agent serves, beside the table of what there is.
@Suite("the calls that an agent serves")
struct ServedRoutesTests {
    private static func machine() throws -> MachineID { try required(MachineID(String(repeating: "f", count: 32))) }

    /// The routes of an agent with all its parts, none of which is asked anything.
    private static func routes(_ folder: String) throws -> ServedRoutes {
        let machine = try machine()
        let authority = try CertificateAuthority(cluster: "default", now: Date() - 86_400)
        let key = KeyPair()
        let own = MachineFolder(path: "\(folder)/identity")
        try own.store(
            key: key,
            certificate: try authority.issue(
                try CertificateRequest(pem: try key.request(name: "x")), for: .machine(machine.rawValue),
                addresses: ["127.0.0.1"], now: Date()),
            authorities: authority.trust.pem, etcdPassword: nil, etcdCertificate: nil)
        let etcd = EtcdConfiguration(endpoints: ["http://127.0.0.1:1"])
        let registry = ClusterRegistry(store: MemoryStore())
        let access = RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry))
        let units = UnitFolder(
            folder: folder + "/units", searchFolder: folder + "/search", searchPath: [],
            dropIns: UnitDropIns(isGuarded: false, agentService: "node-agent.service"))
        return ServedRoutes(
            peers: PeerRoutes(registry: registry) { _ in nil },
            identities: IdentityRoutes(
                registry: registry, cluster: "default", own: try OwnIdentity(folder: own, cluster: "default"), desk: nil
            ),
            journals: JournalRoutes(
                access: access,
                sources: JournalSources(
                    machine: machine, local: LocalJournal(machine: machine, isUser: true),
                    remote: { RemoteJournal($0, tls: nil) })),
            operators: OperatorRoutes(
                registry: registry, access: access, machine: machine, units: FakeUnits(searchFolder: folder), tls: nil,
                reboot: { () async throws(SystemdError) in }),
            operations: OperationRoutes(registry: registry, access: access),
            stores: StoreRoutes(
                question: StoreQuestion(
                    file: SessionFile(runtimeDirectory: folder), folder: units, etcd: etcd, cluster: .default,
                    machine: machine, name: "tester"),
                roster: RosterFile(runtimeDirectory: folder), tls: nil),
            gate: StoreGate(
                etcd: try EtcdClient(etcd), renewals: try EtcdClient(etcd), registry: registry, front: { _ in nil }),
            openness: StoreWatch(etcd, isInsecure: false, logger: .silent))
    }

    private static func words(_ call: APICall) -> String {
        "\(call.method.rawValue) \(call.path) (\(call.needs.words))"
    }

    @Test("they are those of the table, each with its method, its path and who may call it")
    func table() async throws {
        try await withTemporaryFolder { folder async throws in
            let registry = ClusterRegistry(store: MemoryStore())
            let service = APIService(
                access: RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)),
                version: "9.9", extraRoutes: try Self.routes(folder).all)
            // fleet's older prefix has the same calls once more.
            let served = Set(service.routes.map { Self.words($0.call) })
            let table = Set(APICall.all.map(Self.words))
            #expect(served.subtracting(table).sorted() == [], "served, and in no table")
            #expect(table.subtracting(served).sorted() == [], "in the table, and not served")
        }
    }

    @Test("the names in the table are those of the modules that it does not know")
    func names() {
        #expect(APICall.controls == ControlChange.allCases.map(\.rawValue))
        #expect(APICall.gatePaths == StoreRequest.Path.allCases.map(\.rawValue) + [GatedStore.memberPath])
    }
}
