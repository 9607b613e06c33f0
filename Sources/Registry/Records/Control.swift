// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// What operators want of machines: `cordon`, `drain`.
    package static let control = RecordKind<MachineID, ControlEntry>(
        "control/<machine>", lease: .none, agents: [], backup: .saved(.asWish, into: .ownCluster),
        events: RecordEvents(
            put: { (machine, value, entry) in
                var control = value.control
                control.created = Stamp(entry.createRevision)
                return .controlPut(machine, control)
            }, gone: { .controlGone($0) }))
}

extension RegistryKeys {
    package var control: KeySelector { all(Records.control) }
    package func control(_ id: MachineID) -> String { key(Records.control, id) }
}

/// The value of `control/<machine>`: what an operator wants of the machine.
package struct ControlEntry: StoredRecord {
    package var control: MachineControl

    package init(_ control: MachineControl) { self.control = control }

    package init(_ object: JSONObject) throws(RecordError) {
        control = MachineControl(
            isCordoned: try object.flag("cordoned"), isDraining: try object.flag("draining"),
            since: try object.integer("since", as: Int64.self) ?? 0, by: try object.text("by") ?? "",
            operation: try object.text("operation").flatMap { OperationID($0) })
    }

    package func write(to object: inout JSONObject) {
        object["cordoned"] = .bool(control.isCordoned)
        object["draining"] = .bool(control.isDraining)
        object["since"] = .number(control.since)
        object["by"] = control.by.isEmpty ? nil : .string(control.by)
        object["operation"] = control.operation.map { .string($0.rawValue) }
    }
}
