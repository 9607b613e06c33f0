// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The value of `leader`; the epoch is the entry's create revision and so is not part of the value.
package struct LeaderEntry: StoredRecord {
    package var machine: MachineID

    package init(machine: MachineID) { self.machine = machine }

    package init(_ object: JSONObject) throws(RecordError) {
        machine = try object.required("machine", "32 hexadecimal digits") { MachineID($0) }
    }

    package func write(to object: inout JSONObject) {
        object["machine"] = .string(machine.rawValue)
    }
}
