// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FoundationEssentials
import HTTPTransport
import Identity
import Logging
import Registry
import Synchronization
import TestSupport
import Testing

@testable import NodeAgent

/// A machine's API over TLS, the authority that has signed for it, and certificates for clients of every kind.
struct SecuredServer: Sendable {
    /// Who exists, by the cluster's records.
    final class Records: IdentityRecords {
        let users = Mutex<[String: (role: Caller.Role, since: Int64)]>([:])
        let machines = Mutex<[String: Int64]>([:])
        let areRead = Mutex(true)

        func user(_ name: String) async throws(RecordsUnread) -> (role: Caller.Role, since: Int64)? {
            guard areRead.withLock({ $0 }) else { throw RecordsUnread() }
            return users.withLock { $0[name] }
        }

        func machine(_ id: String) async throws(RecordsUnread) -> Int64? {
            guard areRead.withLock({ $0 }) else { throw RecordsUnread() }
            return machines.withLock { $0[id] }
        }
    }

    final class Notebook: AuditKeeper {
        let acts = Mutex<[AuditedAct]>([])
        func record(_ act: AuditedAct) async { acts.withLock { $0.append(act) } }
        var reasons: [String] { acts.withLock { $0.compactMap(\.reason) } }
    }

    let folder: String
    let authority: CertificateAuthority
    let identity: OwnIdentity
    let endpoint: APIEndpoint
    let records: Records
    let notebook: Notebook

    /// Serves `routes`, and fleet's own, as machine `machine` while `body` runs.
    static func serve(
        _ routes: [Route], before registry: ClusterRegistry, as machine: String,
        limits: FleetAPIServer.Limits = FleetAPIServer.Limits(), _ body: (SecuredServer) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder async throws in
            let authority = try CertificateAuthority(cluster: "default", now: Date() - 86_400)
            let key = KeyPair()
            let own = MachineFolder(path: "\(folder)/identity")
            try own.store(
                key: key,
                certificate: try authority.issue(
                    try CertificateRequest(pem: try key.request(name: "x")), for: .machine(machine),
                    addresses: ["127.0.0.1"], now: Date()),
                authorities: authority.trust.pem, etcdPassword: nil, etcdCertificate: nil)
            let identity = try OwnIdentity(folder: own, cluster: "default")
            let (records, notebook) = (Records(), Notebook())
            try await listen(routes, before: registry, identity, records, notebook, limits) { endpoint async throws in
                try await body(
                    SecuredServer(
                        folder: folder, authority: authority, identity: identity, endpoint: endpoint, records: records,
                        notebook: notebook))
            }
        }
    }

    /// Serves as `identity` to whom `records` know, at a port that the system picks, while `body` runs.
    static func listen(
        _ routes: [Route], before registry: ClusterRegistry, _ identity: OwnIdentity, _ records: any IdentityRecords,
        _ audit: any AuditKeeper, _ limits: FleetAPIServer.Limits = FleetAPIServer.Limits(),
        _ body: (APIEndpoint) async throws -> Void
    ) async throws {
        let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
        let server = FleetAPIServer(
            access: RegistryClusterAccess(registry: registry, view: ClusterView(registry: registry)),
            listeners: [.tls(host: "127.0.0.1", port: 0)], version: "9.9", identity: identity.server,
            recognition: CertificateRecognition(identity: identity, records: records), audit: audit, limits: limits,
            extraRoutes: routes, logger: .silent, onListening: { isListening.yield($0) })
        let running = Task {
            // One that cannot listen is not waited for.
            defer { isListening.finish() }
            try await server.run()
        }
        var endpoints = listening.makeAsyncIterator()
        guard let endpoint = await endpoints.next(isolation: #isolation) else {
            try await running.value
            throw NeverCame(description: "the server does not listen")
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(endpoint)) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        try result.get()
    }

    /// What a client shows that `signer`, or else the authority of the server, has signed for.
    func credentials(
        _ principal: Principal, by signer: CertificateAuthority? = nil, issued: Date = Date(),
        life: TimeInterval = 3600
    ) throws -> TLSSettings {
        let key = KeyPair()
        let own = MachineFolder(path: "\(folder)/client-\(UInt32.random(in: 0 ... .max))")
        try own.store(
            key: key,
            certificate: try (signer ?? authority).issue(
                try CertificateRequest(pem: try key.request(name: "x")), for: principal, now: issued, life: life),
            authorities: identity.trust.bundle.pem, etcdPassword: nil, etcdCertificate: nil)
        return TLSSettings(
            authorityFile: own.authoritiesFile, certificateFile: own.certificateFile, keyFile: own.keyFile)
    }
}
