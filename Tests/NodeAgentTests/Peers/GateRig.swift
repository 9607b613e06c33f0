// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

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

/// A manager's API over TLS with the gate, and workers' certificates.
struct GateRig: Sendable {
    /// Who is a machine of the cluster at the moment.
    final class Records: IdentityRecords {
        let machines = Mutex<Set<String>>([])
        /// The front halves of leases that were drawn.
        let fronts = Mutex<[MachineID: UInt32]>([:])

        func user(_ name: String) async throws(RecordsUnread) -> (role: Caller.Role, since: Int64)? {
            name == "olaf" ? (.operator, 0) : nil
        }
        func machine(_ id: String) async throws(RecordsUnread) -> Int64? {
            machines.withLock { $0.contains(id) } ? 0 : nil
        }
    }

    final class Notebook: AuditKeeper {
        let acts = Mutex<[AuditedAct]>([])
        func record(_ act: AuditedAct) async { acts.withLock { $0.append(act) } }
    }

    let folder: String
    let authority: CertificateAuthority
    let url: String
    let records: Records
    let notebook: Notebook
    /// URLs of etcd's members as workers know them.
    let members: [String]

    static let worker = id("a")
    static let other = id("b")
    private static let manager = id("f")

    private static func id(_ digit: String) -> MachineID {
        guard let id = MachineID(String(repeating: digit, count: 32)) else { preconditionFailure("no digit: \(digit)") }
        return id
    }

    /// What somebody shows that the cluster's authority has signed for.
    func tls(_ principal: Principal) throws -> TLSSettings {
        let key = KeyPair()
        let own = MachineFolder(path: "\(folder)/client-\(UInt32.random(in: 0 ... .max))")
        try own.store(
            key: key,
            certificate: try authority.issue(
                try CertificateRequest(pem: try key.request(name: "x")), for: principal, now: Date(), life: 3600),
            authorities: authority.trust.pem, etcdPassword: nil, etcdCertificate: nil)
        return TLSSettings(
            authorityFile: own.authoritiesFile, certificateFile: own.credentialsFile, keyFile: own.credentialsFile)
    }

    /// How a worker's agent reaches the store.
    func configuration(of machine: MachineID = worker) throws -> EtcdConfiguration {
        var configuration = EtcdConfiguration(
            endpoints: [url], tls: try tls(.machine(machine.rawValue)), requestTimeout: .seconds(30),
            probeTimeout: .seconds(20))
        configuration.gate = GatedStore(path: StoreGate.path(for: machine), members: members)
        configuration.historyKey = RegistryKeys(cluster: .default).mark
        return configuration
    }

    /// The registry as a worker's agent has it.
    func registry(of machine: MachineID = worker) throws -> ClusterRegistry {
        ClusterRegistry(store: try EtcdClient(configuration(of: machine)), firstPause: .milliseconds(1))
    }

    /// Sends a body that no client of ours would, and gives the answer's status.
    func post(_ path: String, _ body: String, by principal: Principal = .machine(worker.rawValue)) async throws -> Int {
        try await send(path, body, by: principal).status
    }

    /// The same, with the whole answer.
    func send(
        _ path: String, _ body: String, by principal: Principal = .machine(worker.rawValue)
    ) async throws -> HTTPResponse {
        try await HTTPClient().send(
            HTTPRequest(
                method: "POST", url: url + path, headers: [HTTPHeader("Content-Type", "application/json")],
                body: Array(body.utf8), tls: try tls(principal)))
    }

    /// Serves the gate before `etcd` while `body` runs.
    static func serve(
        before etcd: EtcdConfiguration, limits: FleetAPIServer.Limits = FleetAPIServer.Limits(),
        _ body: (GateRig) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder async throws in
            let authority = try CertificateAuthority(cluster: "default", now: Date() - 86_400)
            let key = KeyPair()
            let own = MachineFolder(path: "\(folder)/identity")
            try own.store(
                key: key,
                certificate: try authority.issue(
                    try CertificateRequest(pem: try key.request(name: "x")), for: .machine(manager.rawValue),
                    addresses: ["127.0.0.1"], now: Date()),
                authorities: authority.trust.pem, etcdPassword: nil, etcdCertificate: nil)
            let identity = try OwnIdentity(folder: own, cluster: "default")
            let records = Records()
            records.machines.withLock { $0 = [worker.rawValue, other.rawValue] }
            let notebook = Notebook()
            let client = try EtcdClient(etcd)
            let registry = ClusterRegistry(store: client)
            let gate = StoreGate(etcd: client, renewals: try EtcdClient(etcd), registry: registry) { machine in
                records.fronts.withLock { $0[machine] }
            }
            let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
            let server = FleetAPIServer(
                access: RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)),
                listeners: [.tls(host: "127.0.0.1", port: 0)], version: "9.9", identity: identity.server,
                recognition: CertificateRecognition(identity: identity, records: records), audit: notebook,
                limits: limits, extraRoutes: gate.routes, logger: .silent, onListening: { isListening.yield($0) })
            let running = Task { try await server.run() }
            var endpoints = listening.makeAsyncIterator()
            guard case .tls(_, let port)? = await endpoints.next(isolation: #isolation) else {
                throw NeverCame(description: "the server does not listen")
            }
            let rig = GateRig(
                folder: folder, authority: authority, url: "https://127.0.0.1:\(port)", records: records,
                notebook: notebook, members: etcd.endpoints)
            let result: Result<Void, any Error>
            do { result = .success(try await body(rig)) } catch { result = .failure(error) }
            running.cancel()
            _ = await running.result
            try result.get()
        }
    }
}
