// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials
import Testing

@testable import FleetAPIServer

@Suite("The OpenAPI document")
struct OpenAPIDocumentTests {
    /// Repository's root, found from this file.
    private var root: String {
        #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
    }

    private func document() throws -> JSON { try JSON(parsing: OpenAPIDocument.text.utf8) }

    @Test("docs/api has the document that servers send")
    func copy() throws {
        let file = try String(contentsOfFile: "\(root)/docs/api/openapi.json", encoding: .utf8)
        #expect(
            file == OpenAPIDocument.text,
            """
            it has changed; make it anew: \
            curl --unix-socket /run/flotilla/api.sock http://localhost/openapi.json > docs/api/openapi.json
            """)
    }

    /// The table is what is served: `ServedRoutesTests` compares the two.
    @Test("it has every call of the table, and no other")
    func calls() throws {
        let paths = try #require(try document()["paths"])
        let described = paths.keys.flatMap { path in
            (paths[path]?.keys ?? []).filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
        }
        #expect(described.sorted() == APICall.all.map { "\($0.method.rawValue) \($0.path)" }.sorted())
    }

    @Test("every field of every entity has a note, and no note is for a field that there is not")
    func notes() throws {
        let book = SchemaBook()
        _ = try OpenAPIDocument.document(book)
        #expect(book.entities.count > 40)
        for (name, entity) in book.entities.sorted(by: { $0.key < $1.key }) {
            #expect(entity.fields.keys.sorted() == entity.notes.keys.sorted(), "\(name)")
        }
    }

    @Test("a field is required where who reads it cannot do without")
    func required() throws {
        let schemas = try #require(try document()["components"]?["schemas"])
        #expect(schemas["Capacity"]?["required"]?.array.map(\.string) == ["memory", "processors"])
        #expect(schemas["JournalEntry"]?["required"]?.array.map(\.string).contains("pid") == false)
        #expect(schemas["JournalEntry"]?["properties"]?["pid"]?["type"] == "integer")
        #expect(schemas["Unit"]?["required"] == nil)
        #expect(schemas["Unit"]?["properties"]?["options"]?["items"]?["$ref"] == "#/components/schemas/UnitOption")
    }

    @Test("each call says who may make it, what stands in its path, and why it is refused")
    func operations() throws {
        let paths = try #require(try document()["paths"])
        for call in APICall.all {
            let operation = try #require(paths[call.path]?[call.method.rawValue.lowercased()])
            #expect(operation["description"]?.string?.hasSuffix("Who may call it: \(call.needs.words).") == true)
            #expect(call.openParameters.allSatisfy { !$0.words.isEmpty }, "\(call.path)")
            let answers = Set(operation["responses"]?.keys ?? [])
            #expect(answers.contains("401") == (call.needs != .none), "\(call.name)")
            #expect(answers.isSuperset(of: ["429", "503"]) && answers.contains { $0.hasPrefix("2") }, "\(call.name)")
        }
    }

    @Test("its schemas have the fields that the entities have")
    func schemas() throws {
        let encoder = JSONEncoder()
        let unit = API.Unit(
            name: "n", options: [API.UnitOption(section: "s", name: "n", value: "v")], desiredState: "d",
            currentState: "c", machineID: "m", contents: "c", hash: "h", restarts: 1, reason: "r")
        let state = API.UnitState(
            name: "n", hash: "h", machineID: "m", systemdLoadState: "l", systemdActiveState: "a", systemdSubState: "s",
            since: 1, health: "h", acted: "loaded", restarts: 1, automaticRestarts: 1)
        let machine = API.Machine(
            id: "i", primaryIP: "p", metadata: ["k": "v"], name: "n", version: "v",
            capacity: API.Capacity(processors: 1, memory: 1), apiAddress: "a", trouble: "t",
            cordoned: true, closed: true)
        let examples: [String: JSON] = [
            "Unit": try JSON(parsing: encoder.encode(unit)),
            "UnitOption": try JSON(parsing: encoder.encode(unit.options[0])),
            "UnitState": try JSON(parsing: encoder.encode(state)),
            "Machine": try JSON(parsing: encoder.encode(machine)),
            "UnitPage": try JSON(parsing: encoder.encode(API.UnitPage(units: [unit], nextPageToken: "t"))),
            "UnitStatePage": try JSON(parsing: encoder.encode(API.UnitStatePage(states: [state], nextPageToken: "t"))),
            "MachinePage": try JSON(parsing: encoder.encode(API.MachinePage(machines: [machine], nextPageToken: "t"))),
            "EventData": try JSON(
                parsing: encoder.encode(API.EventData(unit: unit, state: state, machine: machine, removed: true))),
            "Health": try JSON(parsing: encoder.encode(API.Health(status: "s", version: "v", reason: "r"))),
            "Explanation": try JSON(
                parsing: encoder.encode(
                    API.Explanation(name: "n", desiredState: "d", currentState: "c", machineIDs: [], reasons: []))),
            "MetadataPatch": try JSON(parsing: encoder.encode(API.MetadataPatch(op: "o", path: "p", value: "v"))),
            "ErrorBody": try JSON(parsing: encoder.encode(API.ErrorBody(code: 1, message: "m"))),
        ]
        let schemas = try #require(try document()["components"]?["schemas"])
        for (name, example) in examples.sorted(by: { $0.key < $1.key }) {
            #expect(schemas[name]?["properties"]?.keys == example.keys, "schema \(name)")
        }
    }

    @Test("every reference points to something")
    func references() throws {
        let document = try document()
        var pending = [document]
        while let value = pending.popLast() {
            pending += value.array
            for key in value.keys {
                guard let field = value[key] else { continue }
                pending.append(field)
                guard key == "$ref", let reference = field.string else { continue }
                let target = reference.split(separator: "/").dropFirst().reduce(document as JSON?) { $0?[String($1)] }
                #expect(target != nil, "\(reference) points nowhere")
            }
        }
    }
}
