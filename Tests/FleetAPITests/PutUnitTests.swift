// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer
import FleetCore
import Testing

@Suite("PUT of a unit")
struct PutUnitTests {
    private static let options = #"[{"section":"Service","name":"ExecStart","value":"/bin/true"}]"#
    private static let globalOptions =
        #"[{"section":"X-Fleet","name":"Global","value":"true"},{"section":"X-Fleet","name":"MachineOf","value":"b.service"}]"#

    /// `old.service` runs `Sample.hello` as launched, `t@.service` is a template, `true.service` runs `options` already.
    private let cluster = MemoryCluster(
        Sample.unit("old.service", .launched) + Sample.unit("t@.service")
            + Sample.unit("true.service", .loaded, file: Sample.other))

    private func record(_ name: String) -> UnitRecord? { cluster.now.units[UnitName(unchecked: name)] }

    @Test(
        "a new unit is created, inactive unless said otherwise", arguments: Reach.allCases,
        [
            ("", TargetState.inactive), (#","desiredState":"inactive""#, .inactive),
            (#","desiredState":"loaded""#, .loaded),
            (#","desiredState":"launched""#, .launched), (#","desiredState":"""#, .inactive),
        ])
    func create(reach: Reach, row: (extra: String, target: TargetState)) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask(
                "PUT", "/fleet/v1/units/new.service",
                body: #"{"name":"new.service","options":\#(Self.options)\#(row.extra)}"#)
            #expect(answer.status == 201)
            #expect(answer.body.isEmpty)
            #expect(answer.header("Content-Type") == nil)
            #expect(answer.header("Flotilla-Revision") != nil)
            #expect(record("new.service")?.target == row.target)
            #expect(record("new.service")?.hash == Sample.other.hash)
        }
    }

    @Test("members are taken in any case, as Go's decoder takes them", arguments: Reach.allCases)
    func anyCase(reach: Reach) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let options = #"[{"Section":"Service","NAME":"ExecStart","vaLue":"/bin/true"}]"#
            let answer = try await ask(
                "PUT", "/fleet/v1/units/new.service",
                body: #"{"Name":"new.service","DesiredState":"loaded","OPTIONS":\#(options),"else":1}"#)
            #expect(answer.status == 201)
            #expect(record("new.service")?.target == .loaded)
            #expect(record("new.service")?.hash == Sample.other.hash)
            let patch = #"[{"Op":"add","PATH":"/\#(Sample.machineA.rawValue)/metadata/Zone","Value":"a"}]"#
            #expect(try await ask("PATCH", "/fleet/v1/machines", body: patch).status == 204)
            #expect(cluster.metadata == [MetadataChange(machine: Sample.machineA, key: "Zone", value: "a")])
        }
    }

    @Test(
        "of a member given twice the last counts, as with Go's decoder; null says nothing",
        arguments: [
            #""desiredState":"launched","desiredState":"loaded""#,
            #""desiredState":"launched","DesiredState":"loaded""#,
            #""DesiredState":"launched","desiredState":"loaded""#,
            #""desiredState":"loaded","DESIREDSTATE":null"#, #""desiredState":null,"DesiredState" : "loaded""#,
            #""desiredState":"inactive","desired\u0053tate":"launched","DesiredState":"loaded""#,
            #""else":"\":{","desiredState":"launched","name":"old.service","desiredState":"loaded","options":[]"#,
        ])
    func lastCounts(members: String) async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            #expect(try await ask("PUT", "/fleet/v1/units/old.service", body: "{\(members)}").status == 204)
            #expect(record("old.service")?.target == .loaded)
        }
    }

    @Test("of two members the last counts in options and in changes of metadata, too")
    func lastCountsWithin() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let options =
                #"[{"section":"Service","name":"ExecStart","value":"/bin/no","Value":"/bin/true"}]"#
            let body = #"{"options":[{"section":"A","name":"b","value":"c"}],"Options":\#(options)}"#
            #expect(try await ask("PUT", "/fleet/v1/units/new.service", body: body).status == 201)
            #expect(record("new.service")?.hash == Sample.other.hash)
            let path = "/\(Sample.machineA.rawValue)/metadata/zone"
            let patch = #"[{"op":"add","path":"\#(path)","value":"a","value":{"value":"x","VALUE":"b"}}]"#
            #expect(try await ask("PATCH", "/fleet/v1/machines", body: patch).status == 204)
            #expect(cluster.metadata == [MetadataChange(machine: Sample.machineA, key: "zone", value: "b")])
        }
    }

    @Test(
        "the state of a known unit is set", arguments: Reach.allCases,
        [
            #"{"desiredState":"loaded"}"#, #"{"name":"old.service","desiredState":"loaded"}"#,
        ])
    func setTarget(reach: Reach, body: String) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask("PUT", "/fleet/v1/units/old.service", body: body)
            #expect(answer.status == 204)
            #expect(answer.body.isEmpty)
            #expect(answer.header("Content-Type") == nil)
            #expect(record("old.service")?.target == .loaded)
            #expect(record("old.service")?.hash == Sample.hello.hash)
        }
    }

    @Test("the same file sets only the state")
    func sameFile() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let body = #"{"options":\#(Self.options),"desiredState":"launched"}"#
            #expect(try await ask("PUT", "/fleet/v1/units/true.service", body: body).status == 204)
            #expect(record("true.service")?.target == .launched)
        }
    }

    @Test(
        "another file replaces the old one and resets the state", arguments: Reach.allCases,
        [
            ("", TargetState.inactive), (#","desiredState":"launched""#, .launched),
        ])
    func replace(reach: Reach, row: (extra: String, target: TargetState)) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let body = #"{"options":\#(Self.options)\#(row.extra)}"#
            #expect(try await ask("PUT", "/fleet/v1/units/old.service", body: body).status == 201)
            #expect(record("old.service")?.target == row.target)
            #expect(record("old.service")?.hash == Sample.other.hash)
        }
    }

    @Test("the file may come as text, and is kept as written")
    func contents() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            let body = ##"{"contents":"# why\n[Service]\nExecStart=/bin/false\n"}"##
            #expect(try await ask("PUT", "/fleet/v1/units/new.service", body: body).status == 201)
            let unit = try await ask("GET", "/fleet/v1/units/new.service").json
            #expect(unit["contents"] == "# why\n[Service]\nExecStart=/bin/false\n")
            #expect(unit["options"] == [["section": "Service", "name": "ExecStart", "value": "/bin/false"]])
            let both = ##"{"contents":"# why\n[Service]\nExecStart=/bin/true\n","options":\##(Self.options)}"##
            #expect(try await ask("PUT", "/fleet/v1/units/both.service", body: both).status == 201)
        }
    }

    @Test("a comment is a change, which options alone cannot take back")
    func comments() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            func put(_ body: String) async throws -> Int {
                try await ask("PUT", "/fleet/v1/units/true.service", body: body).status
            }
            #expect(try await put(##"{"contents":"# one\n[Service]\nExecStart=/bin/true\n"}"##) == 201)
            #expect(try await put(##"{"contents":"\ufeff# two\n[Service]\nExecStart=/bin/true\n"}"##) == 201)
            #expect(try await put(#"{"options":\#(Self.options),"desiredState":"loaded"}"#) == 204)
            let text = "\u{FEFF}# two\n[Service]\nExecStart=/bin/true\n"
            let unit = try await ask("GET", "/fleet/v1/units/true.service").json
            #expect(unit["contents"] == .text(text))
            #expect(unit["hash"] == .text(ContentHash(of: text).rawValue))
            #expect(record("true.service")?.target == .loaded)
        }
    }

    @Test("a unit that is stored under a name which is refused today can be stopped and destroyed")
    func oldNames() async throws {
        cluster.apply(Sample.unit("dbus.service", .launched) + Sample.unit("a--b.slice", .loaded))
        try await withAPI(.inProcess, cluster) { ask async throws in
            let body = #"{"desiredState":"inactive"}"#
            for name in ["dbus.service", "a--b.slice"] {
                #expect(try await ask("PUT", "/fleet/v1/units/\(name)", body: body).status == 204)
                #expect(try await ask("DELETE", "/fleet/v1/units/\(name)").status == 204)
            }
        }
    }

    @Test(
        "what breaks a rule is refused and changes nothing",
        arguments: [
            // Bodies
            ("a.service", "", 400), ("a.service", "{", 400), ("a.service", "[]", 400),
            ("a.service", #"{"name":5}"#, 400),
            ("a.service", #"{"options":{}}"#, 400), ("a.service", #"{"name":"b.service","options":\#(options)}"#, 400),
            // Names
            ("a", #"{"options":\#(options)}"#, 400), ("a.bogus", #"{"options":\#(options)}"#, 400),
            ("a%20b.service", #"{"options":\#(options)}"#, 400), ("@a.service", #"{"options":\#(options)}"#, 400),
            // What the core has against a unit
            (".service", #"{"options":\#(options)}"#, 400), ("a--b.slice", #"{"options":\#(options)}"#, 400),
            ("x.scope", #"{"options":\#(options)}"#, 400), ("dbus.service", #"{"options":\#(options)}"#, 400),
            ("node-agent.service", #"{"options":\#(options)}"#, 400),
            ("a.service", ##"{"contents":"[Unit]\nRefuseManualStop=yes\n"}"##, 400),
            ("a.service", ##"{"contents":"# x\n"}"##, 400),
            ("old.service", ##"{"contents":"[Unit]\nRefuseManualStart=yes\n"}"##, 400),
            ("a.service", ##"{"contents":"[Install]\nAlias=old.service\n"}"##, 409),
            // No such unit
            ("a.service", "{}", 409), ("a.service", #"{"desiredState":"launched"}"#, 409),
            ("a.service", #"{"options":\#(globalOptions)}"#, 400),
            ("a.service", #"{"options":[{"section":"","name":"a","value":"b"}]}"#, 400),
            ("a.service", ##"{"contents":"nonsense"}"##, 400),
            ("a.service", ##"{"contents":"[Service]\nExecStart=/bin/false\n","options":\##(options)}"##, 400),
            ("a.service", #"{"options":\#(options),"desiredState":"running"}"#, 400),
            ("a@.service", #"{"options":\#(options),"desiredState":"launched"}"#, 400),
            ("a@.service", #"{"options":\#(options),"desiredState":"loaded"}"#, 400),
            // A unit that exists
            ("old.service", "{}", 409), ("true.service", #"{"options":\#(options)}"#, 409),
            ("old.service", #"{"desiredState":"running"}"#, 400), ("t@.service", #"{"desiredState":"launched"}"#, 400),
            ("old.service", #"{"options":\#(globalOptions)}"#, 400),
            ("t@.service", #"{"options":\#(options),"desiredState":"launched"}"#, 400),
        ])
    func refusals(name: String, body: String, status: Int) async throws {
        let before = cluster.now
        try await withAPI(.inProcess, cluster) { ask async throws in
            let answer = try await ask("PUT", "/fleet/v1/units/\(name)", body: body)
            #expect(answer.status == status)
            #expect(try answer.json["error"]?["code"] == .number(Double(status)))
            #expect(try answer.json["error"]?["message"]?.string?.isEmpty == false)
        }
        #expect(cluster.now == before)
    }

    @Test(
        "the content type must be JSON, once", arguments: Reach.allCases,
        [
            (["application/json"], 201), (["application/json; charset=utf-8"], 201), (["Application/JSON"], 201),
            ([], 415),
            (["text/plain"], 415), (["application/jsonx"], 415), (["application/json", "application/json"], 415),
        ])
    func contentType(reach: Reach, row: (types: [String], status: Int)) async throws {
        try await withAPI(reach, cluster) { ask async throws in
            let answer = try await ask(
                "PUT", "/fleet/v1/units/new.service", body: #"{"options":\#(Self.options)}"#,
                headers: row.types.map { (name: "Content-Type", value: $0) })
            #expect(answer.status == row.status)
        }
    }

    @Test("the content type is checked before the body, the body before the name")
    func order() async throws {
        try await withAPI(.inProcess, cluster) { ask async throws in
            #expect(try await ask("PUT", "/fleet/v1/units/a", body: "{", headers: []).status == 415)
            let answer = try await ask("PUT", "/fleet/v1/units/a", body: #"{"name":"b"}"#)
            #expect(try answer.json["error"]?["message"]?.string?.contains("URL") == true)
        }
    }

    @Test("who creates a unit at the same time as somebody else changes it")
    func lostCreation() async throws {
        cluster.setRival(Sample.unit("new.service"))
        try await withAPI(.inProcess, cluster) { ask async throws in
            let body = #"{"options":\#(Self.options),"desiredState":"launched"}"#
            #expect(try await ask("PUT", "/fleet/v1/units/new.service", body: body).status == 201)
            #expect(record("new.service")?.hash == Sample.other.hash)
            #expect(record("new.service")?.target == .launched)
        }
    }

    @Test("who starts a unit that somebody else destroys at the same time learns that it is gone")
    func lostChange() async throws {
        cluster.setRival([.unitGone(UnitName(unchecked: "old.service"))])
        try await withAPI(.inProcess, cluster) { ask async throws in
            let body = #"{"desiredState":"loaded"}"#
            #expect(try await ask("PUT", "/fleet/v1/units/old.service", body: body).status == 409)
        }
    }
}
