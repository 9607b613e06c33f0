// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPIServer
import FleetCore
import Registry
import Testing

@testable import NodeAgent

@Suite("backup over the API", .timeLimit(.minutes(1)))
struct BackupRoutesTests {
    private static let web = UnitName(unchecked: "web.service")

    /// Asks the one route as the server would, with the rights that it says it needs.
    private func ask(
        _ registry: ClusterRegistry, _ method: String, _ query: String = "", body: [UInt8] = [],
        role: Caller.Role = .admin
    ) async throws -> ServerReply {
        let request = ServerRequest(
            method: method, target: "/flotilla/v1/backup" + query,
            caller: Caller(name: "user:ada", origin: "test", identity: .user(role)),
            body: { () async throws(ServerFailure) in body })
        let route = try required(BackupRoutes(registry: registry).routes.first)
        #expect(route.path == "/flotilla/v1/backup" && route.needs == .role(.admin))
        let handler = try required(route.handlers.first { $0.method == method }?.handler)
        return try await handler(request, [])
    }

    private func bytes(_ reply: ServerReply) throws -> [UInt8] {
        guard case .bytes(let bytes) = reply.body else { throw NeverCame(description: "a body") }
        return bytes
    }

    @Test("what is saved from one cluster comes back in another, once")
    func roundTrip() async throws {
        let (registry, _) = try await SharedEtcd.registry()
        try await registry.createUnit(Self.web, file: try .service("1"), target: .launched)
        let file = try bytes(try await ask(registry, "GET"))
        let (other, _) = try await SharedEtcd.registry()
        let reply = try await ask(other, "PUT", body: file)
        #expect(String(decoding: try bytes(reply), as: UTF8.self).contains(#""units":1"#))
        #expect(reply.note?.hasPrefix("1 units and 1 other records") == true)
        #expect(try await other.unit(Self.web)?.record.target == .launched)
        let again = await #expect(throws: ServerFailure.self) { try await ask(other, "PUT", body: file) }
        #expect(again?.status == 409)
        _ = try await ask(other, "PUT", "?overwrite=true", body: file)
        let bad = await #expect(throws: ServerFailure.self) {
            try await ask(other, "PUT", "?overwrite=true", body: Array(file.dropLast(9)))
        }
        #expect(bad?.status == 400)
    }

    @Test("a backup that would lack something is made only when asked for")
    func partial() async throws {
        let (registry, etcd) = try await SharedEtcd.registry()
        try await etcd.put(registry.keys.unit(Self.web), [0xFF])
        let refused = await #expect(throws: ServerFailure.self) { try await ask(registry, "GET") }
        #expect(refused?.status == 409)
        #expect(try ClusterBackup(parsing: try bytes(try await ask(registry, "GET", "?partial=true"))).records.isEmpty)
    }
}
