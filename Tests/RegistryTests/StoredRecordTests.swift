// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Registry
import Testing

@Suite struct StoredRecordTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    private let digits = String(repeating: "1", count: 40)

    @Test("records have the field names that the design fixes")
    func names() {
        #expect(
            text(TargetEntry(hash: Sample.hash, target: .launched, restarts: 3).bytes)
                == #"{"hash":"\#(digits)","targetState":"launched","restarts":3}"#)
        #expect(
            text(MachineEntry(Sample.machine(Sample.a)).bytes)
                == #"{"id":"\#(Sample.a)","name":"host-aaaaaaaa","address":"10.0.0.1","#
                + #""metadata":{"role":"worker","zone":"a"},"capacity":{"processors":2,"memory":17179869184},"#
                + #""version":"1.0","apiAddress":"tcp:10.0.0.1:49153","bootID":"boot","token":"t1","trouble":"its clock is off"}"#
        )
        let state = UnitState(
            machine: Sample.a, unit: Sample.web, load: "loaded", active: "active", sub: "running", hash: Sample.hash,
            acted: .launched, restarts: 1, health: "passing", since: 1_763_683_200_000)
        #expect(
            text(StateEntry(state).bytes)
                == #"{"load":"loaded","active":"active","sub":"running","hash":"\#(digits)","acted":"launched","#
                + #""restarts":1,"health":"passing","since":1763683200000}"#)
        #expect(text(LeaderEntry(machine: Sample.a).bytes) == #"{"machine":"\#(Sample.a)"}"#)
    }

    @Test("records are read back as they were written")
    func roundTrip() throws {
        for target in TargetState.allCases {
            let entry = TargetEntry(hash: Sample.hash, target: target, restarts: 7)
            #expect(try TargetEntry(bytes: entry.bytes) == entry)
        }
        var machine = Sample.machine(Sample.a)
        #expect(try MachineEntry(bytes: MachineEntry(machine).bytes).machine == machine)
        machine.apiAddress = nil
        machine.metadata = [:]
        #expect(try MachineEntry(bytes: MachineEntry(machine).bytes).machine == machine)
        let state = UnitState(machine: Sample.a, unit: Sample.web, load: "\"\u{1}", hash: Sample.hash, since: -1)
        #expect(try StateEntry(bytes: StateEntry(state).bytes).state(Sample.a, Sample.web) == state)
    }

    @Test("fields of a newer version survive a rewrite")
    func unknownFields() throws {
        let units = Array(
            #"{"note":{"by":"x","n":1.50},"hash":"\#(digits)","targetState":"inactive","big":12345678901234567890123}"#
                .utf8)
        var entry = try TargetEntry(bytes: units)
        entry.target = .launched
        #expect(
            text(try entry.bytes(replacing: units))
                == #"{"note":{"by":"x","n":1.50},"hash":"\#(digits)","targetState":"launched","#
                + #""big":12345678901234567890123,"restarts":0}"#)

        let machine = Array(
            #"{"id":"\#(Sample.a)","apiAddress":"tcp:x:1","capacity":{"gpus":4,"memory":1},"x":null}"#.utf8)
        var record = try MachineEntry(bytes: machine).machine
        record.apiAddress = nil
        record.capacity.memory = 2
        let rewritten = try JSONObject(bytes: MachineEntry(record).bytes(replacing: machine))
        #expect(rewritten["x"] == .null)
        #expect(rewritten["apiAddress"] == nil)
        #expect(try rewritten.object("capacity")?["gpus"] == .number("4"))
        #expect(try rewritten.object("capacity")?["memory"] == .number("2"))
    }

    @Test("fields that an older version did not write have a default")
    func missingFields() throws {
        #expect(try TargetEntry(bytes: Array(#"{"hash":"\#(digits)","targetState":"loaded"}"#.utf8)).restarts == 0)
        let machine = try MachineEntry(bytes: Array(#"{"id":"\#(Sample.a)","metadata":null}"#.utf8)).machine
        #expect(machine == MachineRecord(id: Sample.a, name: "", address: ""))
        let state = try StateEntry(bytes: Array(#"{"hash":"\#(digits)","acted":"loaded","health":null}"#.utf8))
        #expect(state.health == nil && state.since == 0 && state.load.isEmpty)
    }

    static let unreadable: [(String, String)] = [
        ("", "not JSON"), ("hello", "not JSON"), (#"{"hash":"#, "not JSON"), ("[]", "not a JSON object"),
        ("\"text\"", "not a JSON object"), ("null", "not a JSON object"), ("{}", "field hash is missing"),
        (#"{"hash":null,"targetState":"loaded"}"#, "field hash is missing"),
        (#"{"hash":7,"targetState":"loaded"}"#, "field hash is not a text"),
        (#"{"hash":"xyz","targetState":"loaded"}"#, "field hash is not 40 hexadecimal digits"),
        (#"{"hash":"HASH"}"#, "field targetState is missing"),
        (#"{"hash":"HASH","targetState":"running"}"#, "field targetState is not inactive, loaded or launched"),
        (#"{"hash":"HASH","targetState":"loaded","restarts":"1"}"#, "field restarts is not a number"),
        (#"{"hash":"HASH","targetState":"loaded","restarts":1.5}"#, "not a whole number"),
        (#"{"hash":"HASH","targetState":"loaded","restarts":99999999999999999999}"#, "not a whole number"),
    ]

    @Test("a record has a size, whoever wrote it", arguments: [(0, true), (1, false)])
    func size(more: Int, isRead: Bool) throws {
        let head = #"{"hash":"\#(digits)","targetState":"loaded","note":""#
        let text = head + String(repeating: "x", count: recordSizeLimit - head.utf8.count - 2 + more) + "\"}"
        if isRead {
            #expect(throws: Never.self) { try TargetEntry(bytes: Array(text.utf8)) }
            return
        }
        let error = #expect(throws: RecordError.self) { try TargetEntry(bytes: Array(text.utf8)) }
        #expect(error?.reason == "the value has 65537 bytes, and a record has at most 65536")
    }

    @Test("a value of a unit that cannot be read says why", arguments: unreadable)
    func garbage(_ value: String, _ reason: String) throws {
        let bytes = Array(value.utf8)
        let text = String(decoding: bytes, as: UTF8.self)
        let filled = text.split(separator: "HASH", omittingEmptySubsequences: false).joined(separator: digits)
        let error = #expect(throws: RecordError.self) { try TargetEntry(bytes: Array(filled.utf8)) }
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test(
        "a machine's record that cannot be read says why",
        arguments: [
            ("{}", "field id is missing"), (#"{"id":"A"}"#, "field id is not 32 hexadecimal digits"),
            (#"{"id":"ID","metadata":["x"]}"#, "field metadata is not an object"),
            (#"{"id":"ID","metadata":{"x":1}}"#, "field metadata holds a value that is not a text"),
            (#"{"id":"ID","capacity":4}"#, "field capacity is not an object"),
            (#"{"id":"ID","capacity":{"memory":1e3}}"#, "field memory is 1e3, not a whole number"),
            (#"{"id":"ID","name":{}}"#, "field name is not a text"),
        ])
    func machineGarbage(_ value: String, _ reason: String) {
        let filled = value.split(separator: "ID", omittingEmptySubsequences: false).joined(separator: Sample.a.rawValue)
        let error = #expect(throws: RecordError.self) { try MachineEntry(bytes: Array(filled.utf8)) }
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }
}
