// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer
import FleetCore
import Testing

@Suite("Reading and ending units")
struct UnitRoutesTests {
    private let cluster = MemoryCluster(
        Sample.unit("b.service", .launched) + Sample.unit("a.service")
            + Sample.unit("g.service", .launched, file: Sample.global)
            + [
                Sample.machine(Sample.machineA), Sample.assigned("b.service"), Sample.reported("b.service"),
                Sample.assigned("g.service"),
                Sample.reported("g.service"),
            ])

    @Test("units are listed by name with all their fields", arguments: Reach.allCases)
    func list(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let page = try await ask("GET", "/fleet/v1/units").json
            #expect(page.keys == ["units"])
            let units = try #require(page["units"]).array
            #expect(units.map { $0["name"] } == ["a.service", "b.service", "g.service"])
            #expect(
                units[0] == [
                    "name": "a.service", "options": Sample.helloJSON, "desiredState": "inactive",
                    "currentState": "inactive",
                ])
            #expect(
                units[1] == [
                    "name": "b.service", "options": Sample.helloJSON, "desiredState": "launched",
                    "currentState": "launched",
                    "machineID": .text(Sample.machineA.rawValue),
                ])
        }
    }

    @Test("a global unit is inactive in the list and has no current state by itself")
    func global() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let listed = try #require(try await ask("GET", "/fleet/v1/units").json["units"]).array[2]
            #expect(listed["currentState"] == "inactive")
            #expect(listed["machineID"] == nil)
            let single = try await ask("GET", "/fleet/v1/units/g.service").json
            #expect(single["currentState"] == nil)
            #expect(single["desiredState"] == "launched")
            #expect(single["reason"] == nil)
        }
    }

    @Test("a unit that was just created is inactive at once, as fleet's client waits for")
    func created() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let body =
                #"{"name":"n@1.service","options":[{"section":"Service","name":"ExecStart","value":"/bin/true"}]}"#
            _ = try await ask("PUT", "/fleet/v1/units/n%401.service?alt=json", body: body)
            let unit = try await ask("GET", "/fleet/v1/units/n%401.service?alt=json").json
            #expect(unit["currentState"] == "inactive")
            #expect(unit["name"] == "n@1.service")
        }
    }

    @Test(
        "the current state follows the machine that the unit is assigned to",
        arguments: [
            (TargetState.inactive, "inactive"), (.loaded, "loaded"), (.launched, "launched"),
        ])
    func currentState(acted: TargetState, text: String) async throws {
        cluster.apply([Sample.reported("b.service", acted, active: "failed")])
        try await withAPI(.inProcess, cluster) { ask async throws in
            let unit = try await ask("GET", "/fleet/v1/units/b.service").json
            #expect(unit["currentState"] == .text(text))
            #expect(unit["machineID"] == .text(Sample.machineA.rawValue))
        }
    }

    @Test("a unit on no machine says why, one that shall be on none does not")
    func reason() async throws {
        cluster.setReasons(["2 machines lack role=db", "1 machine conflicts with b.service"])
        cluster.apply(Sample.unit("w.service", .launched) + Sample.unit("h.service", .launched, file: Sample.global))
        try await withAPI(.inProcess, cluster) { ask async throws in
            let waiting = try await ask("GET", "/fleet/v1/units/w.service").json
            #expect(waiting["reason"] == "2 machines lack role=db; 1 machine conflicts with b.service")
            #expect(try await ask("GET", "/fleet/v1/units/a.service").json["reason"] == nil)
            #expect(try await ask("GET", "/fleet/v1/units/b.service").json["reason"] == nil)
            // One that is to be on every machine that qualifies says it when none does.
            #expect(try await ask("GET", "/fleet/v1/units/h.service").json["reason"] == waiting["reason"])
            #expect(try await ask("GET", "/fleet/v1/units/g.service").json["reason"] == nil)
            let explanation = try await ask("GET", "/fleet/v1/units/w.service/explain").json
            #expect(
                explanation == [
                    "name": "w.service", "desiredState": "launched", "currentState": "inactive", "machineIDs": [],
                    "reasons": ["2 machines lack role=db", "1 machine conflicts with b.service"],
                ])
        }
    }

    @Test("the order of options is that of the file")
    func optionOrder() async throws {
        let options =
            #"[{"section":"Z","name":"b","value":"1"},{"section":"A","name":"x","value":"2"},{"section":"A","name":"a","value":"3"},{"section":"A","name":"x"}]"#
        try await withAPI(.inProcess, cluster) { ask async throws in
            _ = try await ask("PUT", "/fleet/v1/units/o.service", body: #"{"options":\#(options)}"#)
            let unit = try await ask("GET", "/fleet/v1/units/o.service").json
            #expect(unit["options"] == (try JSON(parsing: options.utf8)))
        }
    }

    @Test(
        "an unknown unit is not found", arguments: Reach.allCases,
        [
            ("GET", ""), ("DELETE", ""), ("POST", "/restart"), ("GET", "/explain"),
        ])
    func unknown(reach: Reach, row: (method: String, rest: String)) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask(row.method, "/fleet/v1/units/none.service\(row.rest)")
            #expect(answer.status == 404)
            #expect(try answer.json["error"]?["code"] == 404)
        }
    }

    @Test("a destroyed unit is gone", arguments: Reach.allCases)
    func destroy(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask("DELETE", "/fleet/v1/units/a.service")
            #expect(answer.status == 204)
            #expect(answer.body.isEmpty)
            #expect(answer.header("Content-Type") == nil)
            #expect(cluster.now.units[UnitName(unchecked: "a.service")] == nil)
        }
    }

    @Test("a restart is counted, and only what is launched can be restarted", arguments: Reach.allCases)
    func restart(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            #expect(try await ask("POST", "/fleet/v1/units/b.service/restart").status == 204)
            #expect(try await ask("POST", "/fleet/v1/units/b.service/restart").status == 204)
            #expect(try await ask("GET", "/fleet/v1/units/b.service").json["restarts"] == 2)
            let refused = try await ask("POST", "/fleet/v1/units/a.service/restart")
            #expect(refused.status == 409)
        }
    }
}
