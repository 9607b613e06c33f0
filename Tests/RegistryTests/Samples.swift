// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Things that tests speak of.
enum Sample {
    static let drain: OperationID = {
        guard let id = OperationID("drain-1") else { preconditionFailure("that is a name") }
        return id
    }()

    static let a = machineID("a")
    static let b = machineID("b")
    static let hash = contentHash("1")
    static let otherHash = contentHash("2")
    static let web = UnitName(unchecked: "web.service")
    static let db = UnitName(unchecked: "db.service")

    private static func machineID(_ digit: String) -> MachineID {
        guard let id = MachineID(String(repeating: digit, count: 32)) else { preconditionFailure("no digit: \(digit)") }
        return id
    }

    private static func contentHash(_ digit: String) -> ContentHash {
        guard let hash = ContentHash(String(repeating: digit, count: 40)) else {
            preconditionFailure("no digit: \(digit)")
        }
        return hash
    }

    static func unit(_ number: Int) -> UnitName { UnitName(unchecked: "u\(number).service") }

    static func file(_ command: String) throws -> UnitFile {
        try UnitFile(parsing: "[Service]\nExecStart=/bin/\(command)\n")
    }

    static func machine(_ id: MachineID, token: String = "t1") -> MachineRecord {
        MachineRecord(
            id: id, name: "host-\(id.short)", address: "10.0.0.1", metadata: ["zone": "a", "role": "worker"],
            capacity: MachineCapacity(processors: 2, memory: 1 << 34), version: "1.0",
            apiAddress: "tcp:10.0.0.1:49153", bootID: "boot", token: token, trouble: "its clock is off")
    }

    static func assignment(_ machine: MachineID, _ unit: UnitName, _ target: TargetState = .launched) -> Assignment {
        Assignment(machine: machine, unit: unit, hash: hash, target: target)
    }

    static func step(_ machine: MachineID, _ unit: UnitName, absent: MachineID? = nil) -> ScheduleStep {
        ScheduleStep(unit: unit, changes: [.assign(assignment(machine, unit))], absent: absent, reason: "test")
    }

    static func state(_ machine: MachineID, _ unit: UnitName, active: String = "") -> UnitState {
        UnitState(machine: machine, unit: unit, active: active, hash: hash)
    }
}
