// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetAPIServer
import FleetCore
import HTTPTransport
import Identity
import Registry
import Synchronization

@testable import NodeAgent

/// A manager's API over TLS with the gate, and workers' certificates.
struct GateRig: Sendable {
    /// The front halves of leases that were drawn.
    final class Fronts: Sendable {
        let drawn = Mutex<[MachineID: UInt32]>([:])
    }

    let server: SecuredServer
    let fronts: Fronts
    /// URLs of etcd's members as workers know them.
    let members: [String]

    static let worker = id("a")
    static let other = id("b")
    private static let manager = id("f")

    private static func id(_ digit: String) -> MachineID {
        guard let id = MachineID(String(repeating: digit, count: 32)) else { preconditionFailure("no digit: \(digit)") }
        return id
    }

    var url: String {
        guard case .tls(let host, let port) = server.endpoint else { preconditionFailure("no TLS: \(server.endpoint)") }
        return "https://\(host):\(port)"
    }

    /// How a worker's agent reaches the store.
    func configuration(of machine: MachineID = worker) throws -> EtcdConfiguration {
        var configuration = EtcdConfiguration(
            endpoints: [url], tls: try server.credentials(.machine(machine.rawValue)), requestTimeout: .seconds(30),
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
                body: Array(body.utf8), tls: try server.credentials(principal)))
    }

    /// Serves the gate before `etcd` while `body` runs.
    static func serve(
        before etcd: EtcdConfiguration, limits: FleetAPIServer.Limits = FleetAPIServer.Limits(),
        _ body: (GateRig) async throws -> Void
    ) async throws {
        let client = try EtcdClient(etcd)
        let registry = ClusterRegistry(store: client)
        let fronts = Fronts()
        let gate = StoreGate(etcd: client, renewals: try EtcdClient(etcd), registry: registry) { machine in
            fronts.drawn.withLock { $0[machine] }
        }
        try await SecuredServer.serve(gate.routes, before: registry, as: manager.rawValue, limits: limits) {
            server async throws in
            server.records.machines.withLock { $0 = [worker.rawValue: 0, other.rawValue: 0] }
            server.records.users.withLock { $0["olaf"] = (.operator, 0) }
            try await body(GateRig(server: server, fronts: fronts, members: etcd.endpoints))
        }
    }
}
