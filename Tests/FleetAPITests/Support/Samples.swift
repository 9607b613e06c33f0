// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials

/// Any JSON value, so that answers are compared field by field.
enum JSON: Decodable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByBooleanLiteral
{
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([JSON].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    init(parsing bytes: some Sequence<UInt8>) throws {
        self = try JSONDecoder().decode(JSON.self, from: Data(bytes))
    }

    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .number(Double(value)) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSON...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }

    subscript(key: String) -> JSON? {
        guard case .object(let fields) = self else { return nil }
        return fields[key]
    }

    var array: [JSON] {
        guard case .list(let elements) = self else { return [] }
        return elements
    }

    var string: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    var keys: [String] {
        guard case .object(let fields) = self else { return [] }
        return fields.keys.sorted()
    }
}

/// Units and machines that tests share.
enum Sample {
    static let machineA = certain(MachineID(String(repeating: "a", count: 32)))
    static let machineB = certain(MachineID(String(repeating: "b", count: 32)))
    /// Its hash is known from fleet.
    static let hello = certain(
        try? UnitFile(parsing: "[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/sleep 1\n"))
    static let helloJSON: JSON = [
        ["section": "Unit", "name": "Description", "value": "Hello"],
        ["section": "Service", "name": "ExecStart", "value": "/bin/sleep 1"],
    ]
    static let other = certain(try? UnitFile(parsing: "[Service]\nExecStart=/bin/true\n"))
    static let global = certain(try? UnitFile(parsing: "[Service]\nExecStart=/bin/true\n\n[X-Fleet]\nGlobal=true\n"))

    private static func certain<Value>(_ value: Value?) -> Value {
        guard let value else { fatalError("a sample that every test needs is wrong") }
        return value
    }

    static func unit(_ name: String, _ target: TargetState = .inactive, file: UnitFile = hello) -> [ClusterEvent] {
        [
            .filePut(file.hash, file),
            .unitPut(UnitRecord(name: UnitName(unchecked: name), hash: file.hash, target: target)),
        ]
    }

    static func assigned(_ name: String, to machine: MachineID = machineA, _ target: TargetState = .launched)
        -> ClusterEvent
    {
        .assignmentPut(
            Assignment(machine: machine, unit: UnitName(unchecked: name), hash: hello.hash, target: target))
    }

    static func reported(
        _ name: String, by machine: MachineID = machineA, _ acted: TargetState = .launched, active: String = "active"
    ) -> ClusterEvent {
        .statePut(
            UnitState(
                machine: machine, unit: UnitName(unchecked: name), load: "loaded", active: active,
                sub: active == "active" ? "running" : "dead", hash: hello.hash, acted: acted))
    }

    static func machine(_ id: MachineID, address: String = "10.0.0.1") -> ClusterEvent {
        .machinePut(
            MachineRecord(
                id: id, name: "host-\(id.short)", address: address, metadata: ["role": "worker"],
                capacity: MachineCapacity(processors: 2, memory: 1 << 30), version: "1.2.3",
                apiAddress: "tcp:\(address):49153", bootID: "boot", token: "secret"))
    }
}
