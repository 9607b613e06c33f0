// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import Synchronization
import Testing

@testable import FleetAPIServer

@Suite("Who may do what")
struct PermissionTests {
    private static let machine = String(repeating: "a", count: 32)
    private static let other = String(repeating: "b", count: 32)

    private static func caller(_ identity: Caller.Identity) -> Caller {
        Caller(name: "somebody", origin: "10.0.0.9", identity: identity)
    }

    private func ask(
        _ method: String, _ path: String, as identity: Caller.Identity, of service: APIService
    ) async -> ServerReply {
        let body = Array(#"{"desiredState":"launched","options":[{"section":"Service","name":"A","value":"b"}]}"#.utf8)
        return await service.respond(
            to: ServerRequest(
                method: method, target: path, headers: [(name: "Content-Type", value: "application/json")],
                caller: Self.caller(identity), body: { () async throws(ServerFailure) in body }))
    }

    private static let table: [(String, String, Caller.Identity, Int)] = [
        ("GET", "/fleet/v1/units", .user(.viewer), 200),
        ("GET", "/fleet/v1/units", .unknown(reason: "x"), 401),
        ("GET", "/fleet/v1/units", .machine(id: machine), 403),
        ("GET", "/nothing/here", .unknown(reason: "x"), 401),
        ("GET", "/nothing/here", .user(.viewer), 404),
        ("GET", "/openapi.json", .unknown(reason: "x"), 401),
        ("GET", "/healthz", .unknown(reason: "x"), 401),
        ("PUT", "/fleet/v1/units/a.service", .user(.viewer), 403),
        ("PUT", "/v1-alpha/units/a.service", .user(.viewer), 403),
        ("PUT", "/fleet/v1/units/a.service", .machine(id: machine), 403),
        ("PUT", "/fleet/v1/units/a.service", .user(.operator), 201),
        ("DELETE", "/fleet/v1/units/a.service", .user(.viewer), 403),
        ("POST", "/fleet/v1/units/a.service/restart", .user(.viewer), 403),
        ("PATCH", "/fleet/v1/machines", .user(.viewer), 403),
        ("GET", "/open", .unknown(reason: "x"), 200),
        ("POST", "/admins", .user(.operator), 403),
        ("POST", "/admins", .user(.admin), 200),
        ("POST", "/own/\(machine)", .machine(id: machine), 200),
        ("POST", "/own/\(other)", .machine(id: machine), 403),
        ("POST", "/own/\(other)", .user(.operator), 403),
        ("POST", "/own/\(other)", .user(.admin), 200),
        ("GET", "/peers", .machine(id: machine), 200),
        ("GET", "/peers", .user(.operator), 403),
        // A method that is not served needs what it needs anywhere, or what its path needs.
        ("POST", "/fleet/v1/units", .user(.viewer), 403),
        ("POST", "/fleet/v1/units", .user(.operator), 405),
        ("POST", "/open", .unknown(reason: "x"), 405),
        ("GET", "/admins", .user(.operator), 403),
        ("GET", "/admins", .user(.admin), 405),
    ]

    private static let extra: [Route] = {
        let fine: Route.Handler = { (_, _) async throws(ServerFailure) in ServerReply(status: 200) }
        return [
            Route(.made(.get, "/open", needs: Permission.none), fine),
            Route(.made(.post, "/admins", needs: .role(.admin)), fine),
            Route(.made(.post, "/own/{machine}", needs: .machineItself), fine),
            Route(.made(.get, "/peers", needs: .machine), fine),
        ]
    }()

    @Test("each caller gets what its role allows and no more", arguments: table)
    func roles(_ method: String, _ path: String, _ identity: Caller.Identity, _ status: Int) async {
        let cluster = MemoryCluster(Sample.unit("a.service"))
        let before = cluster.now.units.count
        let service = APIService(access: cluster, version: "9.9", extraRoutes: Self.extra)
        let reply = await ask(method, path, as: identity, of: service)
        #expect(reply.status == status)
        if [401, 403].contains(reply.status) { #expect(cluster.now.units.count == before) }
    }

    @Test("a stranger learns the same of a cluster that works and of one that does not")
    func outage() async {
        let cluster = MemoryCluster()
        cluster.setOutage("etcd is down")
        let service = APIService(access: cluster, version: "9.9")
        #expect(await ask("GET", "/healthz", as: .unknown(reason: "x"), of: service).status == 401)
        #expect(await ask("GET", "/healthz", as: .user(.viewer), of: service).status == 503)
    }

    final class Notebook: AuditKeeper {
        private let acts = Mutex<[AuditedAct]>([])
        func record(_ act: AuditedAct) async { acts.withLock { $0.append(act) } }
        var all: [AuditedAct] { acts.withLock { $0 } }
    }

    @Test("changes and refusals are in the audit, with who, what, before and after; reading is not")
    func audit() async throws {
        let cluster = MemoryCluster(Sample.unit("a.service"))
        let notebook = Notebook()
        let service = APIService(access: cluster, version: "9.9", audit: notebook)
        _ = await ask("GET", "/fleet/v1/units", as: .user(.viewer), of: service)
        _ = await ask("PUT", "/fleet/v1/units/b.service", as: .user(.operator), of: service)
        _ = await ask("DELETE", "/fleet/v1/units/b.service", as: .user(.operator), of: service)
        _ = await ask("DELETE", "/fleet/v1/units/a.service", as: .unknown(reason: "expired yesterday"), of: service)
        let acts = notebook.all
        try #require(acts.count == 3)
        #expect(acts.map(\.action).first == "PUT /fleet/v1/units/b.service")
        #expect(acts.allSatisfy { $0.caller == "somebody" && $0.origin == "10.0.0.9" })
        #expect(acts[0].before == nil)
        #expect(acts[0].after?.hasPrefix("launched ") == true)
        #expect(acts[1].before == acts[0].after)
        #expect(acts[1].after == nil)
        #expect(acts[2].status == 401)
        #expect(acts[2].reason == "expired yesterday")
        #expect(acts[2].unit == "a.service")
    }

    @Test("a change of metadata is in the audit with its machine, its key, and the value before and after")
    func metadataAudit() async throws {
        let machine = MachineRecord(id: Sample.machineA, name: "alpha", address: "10.0.0.1", metadata: ["role": "web"])
        let notebook = Notebook()
        let service = APIService(access: MemoryCluster([.machinePut(machine)]), version: "9.9", audit: notebook)
        let path = "/\(Sample.machineA.rawValue)/metadata"
        let body =
            #"[{"op":"add","path":"\#(path)/role","value":"db"},{"op":"add","path":"\#(path)/zone","value":"a"}]"#
        _ = await service.respond(
            to: ServerRequest(
                method: "PATCH", target: "/fleet/v1/machines",
                caller: Caller(name: "user:ada", origin: "10.0.0.9", identity: .user(.operator)),
                body: { () async throws(ServerFailure) in Array(body.utf8) }))
        let act = try #require(notebook.all.first)
        #expect(act.before == "\(Sample.machineA.rawValue) role=web zone-")
        #expect(act.after == "\(Sample.machineA.rawValue) role=db zone=a")
    }
}
