// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The value of `units/<name>` and of `schedule/<machine>/<unit>`: which file, how far, how often restarted.
package struct TargetEntry: StoredRecord {
    package var hash: ContentHash
    package var target: TargetState
    package var restarts: Int
    /// The machine that the unit prefers; `nil` in `schedule/`.
    package var preferred: MachineID?

    package init(hash: ContentHash, target: TargetState, restarts: Int, preferred: MachineID? = nil) {
        self.hash = hash
        self.target = target
        self.restarts = restarts
        self.preferred = preferred
    }

    package init(_ record: UnitRecord) {
        self.init(
            hash: record.hash, target: record.target, restarts: record.restarts, preferred: record.preferred)
    }

    package init(_ assignment: Assignment) {
        self.init(hash: assignment.hash, target: assignment.target, restarts: assignment.restarts)
    }

    package init(_ object: JSONObject) throws(RecordError) {
        hash = try object.required("hash", "40 hexadecimal digits") { ContentHash($0) }
        target = try object.required("targetState", "inactive, loaded or launched") { TargetState(rawValue: $0) }
        restarts = try object.integer("restarts", as: Int.self) ?? 0
        // One that cannot be read is no wish: the unit runs all the same.
        preferred = (try? object.text("machine")).flatMap { $0 }.flatMap { MachineID($0) }
    }

    package func write(to object: inout JSONObject) {
        object["hash"] = .string(hash.rawValue)
        object["targetState"] = .string(target.rawValue)
        object["restarts"] = .number(restarts)
        object["machine"] = preferred.map { .string($0.rawValue) }
    }

    package func unit(_ name: UnitName) -> UnitRecord {
        UnitRecord(name: name, hash: hash, target: target, restarts: restarts, preferred: preferred)
    }

    package func assignment(_ machine: MachineID, _ unit: UnitName) -> Assignment {
        Assignment(machine: machine, unit: unit, hash: hash, target: target, restarts: restarts)
    }
}
