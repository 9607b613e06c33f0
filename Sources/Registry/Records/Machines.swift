// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// What living machines report of themselves.
    package static let machines = RecordKind<MachineID, MachineEntry>(
        "machines/<machine>", lease: .session,
        // Whom it may ask for help.
        agents: [.readAndWrite(.own), .read(.all)], backup: .left,
        events: RecordEvents(put: { (_, value, _) in .machinePut(value.machine) }, gone: { .machineGone($0) })
    ) { (id, bytes) throws(RecordError) in
        let entry = try MachineEntry(bytes: bytes)
        guard entry.machine.id == id else { throw RecordError("field id is not the machine id of the key") }
        return entry
    }
}

extension RegistryKeys {
    package var machines: KeySelector { all(Records.machines) }
    package func machine(_ id: MachineID) -> String { key(Records.machines, id) }
}

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
