// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FleetCore
import Testing

@Suite("Rules for every path")
struct GeneralRulesTests {
    private let cluster = MemoryCluster(Sample.unit("a.service"))

    @Test("both prefixes are served alike", arguments: Reach.allCases)
    func prefixes(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let new = try await ask("GET", "/fleet/v1/units")
            let old = try await ask("GET", "/v1-alpha/units")
            #expect(new.status == 200 && old.status == 200)
            #expect(try new.json == old.json)
        }
    }

    @Test("an answer names the server and says that it is JSON", arguments: Reach.allCases)
    func headers(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            for target in ["/fleet/v1/units", "/fleet/v1/nothing"] {
                let answer = try await ask("GET", target)
                #expect(answer.header("Content-Type") == "application/json")
                #expect(answer.header("Server") == "fleetd/9.9")
            }
        }
    }

    @Test("the roots exist and answer nothing", arguments: Reach.allCases, ["/", "/fleet/v1", "/v1-alpha"])
    func roots(reach: Reach, target: String) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask("GET", target)
            #expect(answer.status == 405)
            #expect(try answer.json == ["error": ["code": 405, "message": ""]])
        }
    }

    @Test(
        "unknown paths are not found", arguments: Reach.allCases,
        [
            "/x", "/fleet", "/fleet/v2/units", "/fleet/v1/units/", "/fleet/v1/units/a/b", "/fleet/v1/units/a%2Fb",
            "/fleet/v1/machines/x", "/fleet/v1/units/a.service/", "/fleet/v1/units/a.service/start", "/fleet/v1/",
        ])
    func unknownPaths(reach: Reach, target: String) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask("GET", target)
            #expect(answer.status == 404)
            #expect(try answer.json["error"]?["code"] == 404)
            // A name with a slash has a path, and is no unit's.
            guard !target.contains("%2F") else { return }
            #expect(try answer.json["error"]?["message"]?.string?.contains("/fleet/v1/discovery") == true)
        }
    }

    @Test(
        "an unclean path is sent to the clean one",
        arguments: [
            ("//fleet/v1/units", "/fleet/v1/units"), ("/fleet//v1/units?all=true", "/fleet/v1/units?all=true"),
            ("/fleet/v1/machines/../units", "/fleet/v1/units"), ("/fleet/v1/./units/", "/fleet/v1/units/"),
            ("/fleet/%2e%2E/../../x", "/x"), ("/fleet/v1//units/a%20b", "/fleet/v1/units/a%20b"),
        ])
    func uncleanPaths(target: String, clean: String) async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let answer = try await ask("GET", target)
            #expect(answer.status == 301)
            #expect(answer.header("Location") == clean)
        }
    }

    @Test(
        "a wrong method is told which are right", arguments: Reach.allCases,
        [
            ("POST", "/fleet/v1/units", 405, ["GET"]), ("HEAD", "/fleet/v1/units", 405, []),
            ("POST", "/fleet/v1/units/a.service", 405, ["GET", "PUT", "DELETE"]),
            ("PUT", "/fleet/v1/machines", 405, ["GET", "PATCH"]), ("DELETE", "/fleet/v1/state", 405, ["GET"]),
            ("GET", "/fleet/v1/units/a.service/restart", 405, ["POST"]), ("PUT", "/fleet/v1/discovery", 400, ["GET"]),
            ("OPTIONS", "/fleet/v1/events", 405, ["GET"]),
        ])
    func methods(reach: Reach, row: (method: String, target: String, status: Int, allowed: [String])) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask(row.method, row.target)
            #expect(answer.status == row.status)
            guard !row.allowed.isEmpty else { return }
            let message = try #require(try answer.json["error"]?["message"]?.string)
            for method in row.allowed { #expect(message.contains(method)) }
        }
    }

    @Test(
        "while etcd is out of reach every path says so", arguments: Reach.allCases,
        [
            ("GET", "/"), ("GET", "/fleet/v1/units"), ("PUT", "/fleet/v1/units/b.service"),
            ("GET", "/v1-alpha/discovery"),
            ("GET", "/nothing"), ("GET", "//"), ("PATCH", "/fleet/v1/machines"), ("GET", "/fleet/v1/events"),
        ])
    func outage(reach: Reach, row: (method: String, target: String)) async throws {
        cluster.setOutage("no endpoint answers")
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask(row.method, row.target)
            #expect(answer.status == 503)
            #expect(try answer.json["error"]?["code"] == 503)
            let message = try #require(try answer.json["error"]?["message"]?.string)
            #expect(message.contains("unable to communicate with etcd"))
            #expect(message.contains("no endpoint answers"))
        }
    }

    @Test("health is told, good and bad", arguments: Reach.allCases)
    func health(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let good = try await ask("GET", "/healthz")
            #expect(good.status == 200)
            #expect(try good.json == ["status": "ok", "version": "9.9"])
            cluster.setOutage("no quorum")
            let bad = try await ask("GET", "/healthz")
            #expect(bad.status == 503)
            #expect(try bad.json["status"] == "unavailable")
            #expect(try bad.json["reason"]?.string?.contains("no quorum") == true)
        }
    }

    @Test("an answer from memory says of when it is, and health is told as it is", arguments: Reach.allCases)
    func age(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let paths = ["/fleet/v1/units", "/fleet/v1/machines", "/fleet/v1/state"]
            for path in paths {
                let fresh = try await ask("GET", path)
                #expect(fresh.header("x-flotilla-as-of") == nil && fresh.header("age") == nil)
            }
            cluster.setStaleness(Staleness(asOf: 1_770_000_000_000, age: 12, reason: "no quorum"))
            for path in paths {
                let old = try await ask("GET", path)
                #expect(old.status == 200)
                #expect(old.header("x-flotilla-as-of") == "2026-02-02T02:40:00Z")
                #expect(old.header("age") == "12")
            }
            // What is not of the cluster has no age.
            #expect(try await ask("GET", "/openapi.json").header("age") == nil)
            let bad = try await ask("GET", "/healthz")
            #expect(bad.status == 503)
            let reason = try #require(try bad.json["reason"]?.string)
            #expect(reason.contains("no quorum") && reason.contains("has not answered for 12 s"), "\(reason)")
            // What is known may be older than the silence, where nobody had asked for long.
            cluster.setStaleness(Staleness(asOf: 1_770_000_000_000, age: 612, silence: 3, reason: "no quorum"))
            #expect(try await ask("GET", "/fleet/v1/units").header("age") == "612")
            let words = try #require(try await ask("GET", "/healthz").json["reason"]?.string)
            #expect(
                words.contains("has not answered for 3 s") && words.contains("as of 2026-02-02T02:40:00Z"), "\(words)")
        }
    }

    @Test(
        "what machines ask one another waits for no etcd and has no age", arguments: [("peer", false), ("other", true)])
    func peers(part: String, isDated: Bool) async {
        cluster.setStaleness(Staleness(asOf: 1_770_000_000_000, age: 12, reason: "no quorum"))
        let path = "/flotilla/v1/\(part)/x"
        let route = Route(.made(.get, path, needs: Permission.none)) { (_, _) async throws(ServerFailure) in
            ServerReply(status: 200)
        }
        let reply = await APIService(access: cluster, version: "9.9", extraRoutes: [route]).respond(
            to: ServerRequest(
                method: "GET", target: path, caller: .itself, body: { () async throws(ServerFailure) in [] }))
        #expect(reply.status == 200)
        #expect((reply.header("Age") != nil) == isDated)
    }

    @Test("the discovery document lists what fleet's lists", arguments: ["/fleet/v1/discovery", "/v1-alpha/discovery"])
    func discovery(target: String) async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let document = try await ask("GET", target).json
            #expect(document["id"] == "fleet:v1")
            #expect(document["kind"] == "discovery#restDescription")
            #expect(document["resources"]?["Machines"]?["methods"]?.keys == ["List"])
            #expect(document["resources"]?["Units"]?["methods"]?.keys == ["Delete", "Get", "List", "Set"])
            #expect(document["resources"]?["UnitState"]?["methods"]?.keys == ["Get", "List"])
        }
    }

    @Test("other subsystems add paths")
    func extraRoutes() async throws {
        let route = Route(.made(.get, "/metrics")) { (_, _) async throws(ServerFailure) in
            ServerReply(status: 200, body: .bytes([0x78]))
        }
        let service = APIService(access: cluster, version: "9.9", extraRoutes: [route])
        let ask = Asker(transport: DirectTransport(service: service))
        #expect(try await ask("GET", "/metrics").body == [0x78])
        #expect(try await ask("POST", "/metrics").status == 405)
    }
}
