// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials
import Testing

@Suite("Entities on the wire")
struct EntityCodingTests {
    private func encoded(_ value: some Encodable) throws -> JSON { try JSON(parsing: JSONEncoder().encode(value)) }

    private func decoded<Value: Decodable>(_ text: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }

    @Test("fields without value are left out")
    func emptyFields() throws {
        #expect(try encoded(API.Unit(name: "a.service")) == ["name": "a.service"])
        #expect(try encoded(API.UnitState()) == [:])
        #expect(try encoded(API.UnitPage(units: [])) == [:])
        #expect(try encoded(API.UnitStatePage(states: [])) == [:])
        #expect(try encoded(API.MachinePage(machines: [])) == [:])
        #expect(try encoded(API.Machine(id: "x")) == ["id": "x"])
        #expect(
            try encoded(API.UnitOption(section: "Service", name: "ExecStart", value: ""))
                == ["section": "Service", "name": "ExecStart"])
    }

    @Test(
        "missing, null and empty fields mean the same",
        arguments: [
            #"{"name":"a.service"}"#, #"{"name":"a.service","options":null,"desiredState":null}"#,
            #"{"name":"a.service","options":[],"desiredState":"","machineID":"","unknown":{"x":1}}"#,
        ])
    func emptyInput(text: String) throws {
        #expect(try decoded(text) == API.Unit(name: "a.service"))
    }

    @Test("a unit has fleet's field names")
    func unitFields() throws {
        let unit = API.Unit(
            name: "a.service", options: [API.UnitOption(section: "S", name: "N", value: "V")], desiredState: "launched",
            currentState: "loaded", machineID: "m", contents: "c", restarts: 2, reason: "r")
        #expect(
            try encoded(unit) == [
                "name": "a.service", "options": [["section": "S", "name": "N", "value": "V"]],
                "desiredState": "launched", "currentState": "loaded", "machineID": "m", "contents": "c", "restarts": 2,
                "reason": "r",
            ])
        let back: API.Unit = try JSONDecoder().decode(API.Unit.self, from: JSONEncoder().encode(unit))
        #expect(back == unit)
    }

    @Test("a state has fleet's field names")
    func stateFields() throws {
        let state = API.UnitState(
            name: "a.service", hash: "h", machineID: "m", systemdLoadState: "loaded", systemdActiveState: "active",
            systemdSubState: "running", since: 5, health: "good")
        #expect(
            try encoded(state) == [
                "name": "a.service", "hash": "h", "machineID": "m", "systemdLoadState": "loaded",
                "systemdActiveState": "active", "systemdSubState": "running", "since": 5, "health": "good",
            ])
        #expect(try JSONDecoder().decode(API.UnitState.self, from: JSONEncoder().encode(state)) == state)
    }

    @Test(
        "a change of metadata is read in both forms",
        arguments: [
            #"{"op":"add","path":"/m/metadata/k","value":"x"}"#,
            #"{"op":"add","path":"/m/metadata/k","value":{"value":"x"}}"#,
        ])
    func patchForms(text: String) throws {
        let patch: API.MetadataPatch = try decoded(text)
        #expect(patch == API.MetadataPatch(op: "add", path: "/m/metadata/k", value: "x"))
        #expect(try encoded(patch)["value"] == ["value": "x"])
    }

    @Test(
        "a change of metadata of another form is refused",
        arguments: [
            #"{"op":"add","path":"/m/metadata/k","value":5}"#, #"{"op":"add","path":"/m/metadata/k","value":["x"]}"#,
            #"{"op":"add","path":"/m/metadata/k","value":{"other":"x"}}"#,
        ])
    func patchBadForms(text: String) {
        #expect(throws: DecodingError.self) { try decoded(text) as API.MetadataPatch }
    }

    @Test("an error body carries its status")
    func errorBody() throws {
        #expect(try encoded(API.ErrorBody(code: 404, message: "")) == ["error": ["code": 404, "message": ""]])
    }

    @Test(
        "every event survives its way over the wire",
        arguments: [
            API.Event.Change.unit(API.Unit(name: "a.service", desiredState: "launched")),
            .unitRemoved(name: "a.service"),
            .state(API.UnitState(name: "a.service", machineID: "m")), .stateRemoved(name: "a.service", machineID: "m"),
            .machine(API.Machine(id: "m", primaryIP: "1.2.3.4")), .machineRemoved(id: "m"), .sync,
        ])
    func events(change: API.Event.Change) throws {
        let event = API.Event(revision: 7, change: change)
        let data = try JSONDecoder().decode(API.EventData.self, from: JSONEncoder().encode(event.data))
        #expect(API.Event(name: event.name, revision: 7, data: data) == event)
        #expect(API.Event.names.contains(event.name))
    }
}
