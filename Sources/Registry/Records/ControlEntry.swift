// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The value of `control/<machine>`: what an operator wants of the machine.
package struct ControlEntry: StoredRecord {
    package var control: MachineControl

    package init(_ control: MachineControl) { self.control = control }

    package init(_ object: JSONObject) throws(RecordError) {
        control = MachineControl(
            isCordoned: try object.flag("cordoned"), isDraining: try object.flag("draining"),
            since: try object.integer("since", as: Int64.self) ?? 0, by: try object.text("by") ?? "")
    }

    package func write(to object: inout JSONObject) {
        object["cordoned"] = .bool(control.isCordoned)
        object["draining"] = .bool(control.isDraining)
        object["since"] = .number(control.since)
        object["by"] = control.by.isEmpty ? nil : .string(control.by)
    }
}

extension JSONObject {
    /// The field `name`; one that is missing is false.
    func flag(_ name: String) throws(RecordError) -> Bool {
        switch self[name] {
        case .bool(let value): return value
        case nil, .null: return false
        default: throw RecordError("field \(name) is neither true nor false")
        }
    }
}
