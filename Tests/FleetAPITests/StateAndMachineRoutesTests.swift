// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer
import FleetCore
import Testing

@Suite("States and machines")
struct StateAndMachineRoutesTests {
    private static let idA = Sample.machineA.rawValue
    private static let longValue =
        #"[{"op":"add","path":"/\#(idA)/metadata/k","value":"\#(String(repeating: "v", count: 1025))"}]"#
    /// More than 32 KiB, none of which is too long by itself.
    private static var manyValues: String {
        let value = String(repeating: "v", count: 1000)
        let changes = (0..<33).map { #"{"op":"add","path":"/\#(idA)/metadata/k\#($0)","value":"\#(value)"}"# }
        return "[\(changes.joined(separator: ","))]"
    }
    private static let idB = Sample.machineB.rawValue

    private let cluster = MemoryCluster(
        Sample.unit("a.service") + Sample.unit("b.service", .launched)
            + [
                Sample.machine(Sample.machineB, address: "10.0.0.2"), Sample.machine(Sample.machineA),
                Sample.reported("b.service", by: Sample.machineB), Sample.reported("b.service"),
                Sample.reported("gone.service", active: "deactivating"),
            ])

    @Test("states are listed by unit, then by machine", arguments: Reach.allCases)
    func list(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let states = try #require(try await ask("GET", "/fleet/v1/state").json["states"]).array
            #expect(states.map { $0["name"] } == ["b.service", "b.service", "gone.service"])
            #expect(states.map { $0["machineID"] } == [.text(Self.idA), .text(Self.idB), .text(Self.idA)])
            #expect(
                states[0] == [
                    "name": "b.service", "hash": .text(Sample.hello.hash.rawValue), "machineID": .text(Self.idA),
                    "systemdLoadState": "loaded", "systemdActiveState": "active", "systemdSubState": "running",
                ])
        }
    }

    @Test(
        "states are filtered by machine and by unit", arguments: Reach.allCases,
        [
            ("machineID=\(idB)", 1), ("machineID=\(idA)", 2), ("unitName=b.service", 2), ("unitName=a.service", 0),
            ("unitName=b.service&machineID=\(idB)", 1), ("machineID=aaaaaaaa", 0), ("unitName=&machineID=", 3),
        ])
    func filters(reach: Reach, row: (query: String, count: Int)) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let page = try await ask("GET", "/fleet/v1/state?\(row.query)").json
            #expect((page["states"]?.array ?? []).count == row.count)
        }
    }

    @Test("since and health are told where known")
    func additions() async throws {
        cluster.apply([
            .statePut(
                UnitState(
                    machine: Sample.machineA, unit: UnitName(unchecked: "b.service"), hash: Sample.hello.hash,
                    health: "failing", since: 1_700_000_000_123))
        ])
        try await withAPI(.inProcess, cluster) { ask async throws in
            let state = try await ask("GET", "/fleet/v1/state/b.service").json
            #expect(state["since"] == 1_700_000_000_123)
            #expect(state["health"] == "failing")
        }
    }

    @Test(
        "one unit's state: the first, an empty object while there is none, 404 for an unknown unit",
        arguments: Reach.allCases)
    func single(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            #expect(try await ask("GET", "/fleet/v1/state/b.service").json["machineID"] == .text(Self.idA))
            let none = try await ask("GET", "/fleet/v1/state/a.service")
            #expect(none.status == 200)
            #expect(try none.json == [:])
            #expect(try await ask("GET", "/fleet/v1/state/gone.service").status == 200)
            #expect(try await ask("GET", "/fleet/v1/state/none.service").status == 404)
        }
    }

    @Test("machines are listed by id and keep their secrets", arguments: Reach.allCases)
    func machines(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let machines = try #require(try await ask("GET", "/fleet/v1/machines").json["machines"]).array
            #expect(machines.count == 2)
            #expect(
                machines[0] == [
                    "id": .text(Self.idA), "primaryIP": "10.0.0.1", "metadata": ["role": "worker"],
                    "name": "host-aaaaaaaa",
                    "version": "1.2.3", "capacity": ["processors": 2, "memory": 1_073_741_824],
                    "apiAddress": "tcp:10.0.0.1:49153",
                ])
            #expect(machines[1]["id"] == .text(Self.idB))
        }
    }

    @Test("metadata are changed in order", arguments: Reach.allCases)
    func patch(reach: Reach) async throws {
        let body = """
            [{"op":"add","path":"/\(Self.idA)/metadata/zone","value":{"value":"x"}},
             {"op":"replace","path":"/\(Self.idA)/metadata/a.B_c-1","value":"y"},
             {"op":"remove","path":"/\(Self.idB)/metadata/role"},
             {"op":"remove","path":"/\(Self.idB)/metadata/.."}]
            """
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask(
                "PATCH", "/fleet/v1/machines", body: body, headers: [(name: "Content-Type", value: "text/plain")])
            #expect(answer.status == 204)
            #expect(answer.header("Content-Type") == "application/json")
            #expect(
                cluster.metadata == [
                    MetadataChange(machine: Sample.machineA, key: "zone", value: "x"),
                    MetadataChange(machine: Sample.machineA, key: "a.B_c-1", value: "y"),
                    MetadataChange(machine: Sample.machineB, key: "role", value: nil),
                    // As version 0.1 took it.
                    MetadataChange(machine: Sample.machineB, key: "..", value: nil),
                ])
            #expect(try await ask("PATCH", "/fleet/v1/machines", body: "[]").status == 204)
        }
    }

    @Test(
        "one bad change refuses them all",
        arguments: [
            "{", "{}", #"["x"]"#, #"[{"op":"noop","path":"/\#(idA)/metadata/k","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/k"}]"#,
            #"[{"op":"replace","path":"/\#(idA)/metadata/k","value":""}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/k","value":"v"}]"#,
            #"[{"op":"add","path":"\#(idA)/metadata/k","value":"v"}]"#,
            #"[{"op":"add","path":"/x/metadata/k","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/k k","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/k/l","value":"v"}]"#, #"[{"op":"add","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/..","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/k","value":"a\nb"}]"#,
            longValue, manyValues,
            #"[{"op":"replace","path":"/\#(idA)/metadata/.","value":"v"}]"#,
            #"[{"op":"add","path":"/\#(idA)/metadata/k","value":"v"},{"op":"remove","path":"/"}]"#,
        ])
    func badPatches(body: String) async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let answer = try await ask("PATCH", "/fleet/v1/machines", body: body)
            #expect(answer.status == 400)
            #expect(try answer.json["error"]?["code"] == 400)
            #expect(cluster.metadata.isEmpty)
        }
    }
}
