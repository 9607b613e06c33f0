// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The value of `machines/<id>`.
package struct MachineEntry: StoredRecord {
    package var machine: MachineRecord

    package init(_ machine: MachineRecord) { self.machine = machine }

    package init(_ object: JSONObject) throws(RecordError) {
        let capacity = try object.object("capacity") ?? JSONObject()
        machine = MachineRecord(
            id: try object.required("id", "32 hexadecimal digits") { MachineID($0) },
            name: try object.text("name") ?? "",
            address: try object.text("address") ?? "",
            metadata: try Self.metadata(object),
            capacity: MachineCapacity(
                processors: try capacity.integer("processors", as: Int.self) ?? 0,
                memory: try capacity.integer("memory", as: Int64.self) ?? 0),
            version: try object.text("version") ?? "",
            apiAddress: try object.text("apiAddress"),
            bootID: try object.text("bootID") ?? "",
            token: try object.text("token") ?? "",
            trouble: try object.text("trouble") ?? "",
            isClosed: object["closed"] == .bool(true))
    }

    private static func metadata(_ object: JSONObject) throws(RecordError) -> [String: String] {
        let fields = try object.object("metadata")?.fields ?? []
        var metadata: [String: String] = [:]
        for field in fields {
            guard case .string(let text) = field.value else {
                throw RecordError("field metadata holds a value that is not a text")
            }
            metadata[field.name] = text
        }
        return metadata
    }

    package func write(to object: inout JSONObject) {
        object["id"] = .string(machine.id.rawValue)
        object["name"] = .string(machine.name)
        object["address"] = .string(machine.address)
        let labels = machine.metadata.sorted { $0.key < $1.key }
        object["metadata"] = .object(
            JSONObject(labels.map { JSONObject.Field(name: $0.key, value: .string($0.value)) }))
        var capacity = JSONObject()
        if case .object(let known) = object["capacity"] { capacity = known }
        capacity["processors"] = .number(machine.capacity.processors)
        capacity["memory"] = .number(machine.capacity.memory)
        object["capacity"] = .object(capacity)
        object["version"] = .string(machine.version)
        object["apiAddress"] = machine.apiAddress.map { .string($0) }
        object["bootID"] = .string(machine.bootID)
        object["token"] = .string(machine.token)
        object["closed"] = machine.isClosed ? .bool(true) : nil
        object["trouble"] = machine.trouble.isEmpty ? nil : .string(machine.trouble)
    }
}
