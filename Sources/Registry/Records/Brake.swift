// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

extension Records {
    /// Nothing is taken over while it is there (rule R10).
    package static let brake = RecordKind<NoName, BrakeEntry>(
        "brake", lease: .none, agents: [], backup: .left,
        events: RecordEvents(put: { (_, value, _) in .brakePut(value.brake) }, gone: { _ in .brakeGone }))
}

extension RegistryKeys {
    package var brake: String { key(Records.brake) }
}

/// The value of `brake`: which machines vanished at once, so that nothing is taken over.
package struct BrakeEntry: StoredRecord {
    package var brake: Brake

    package init(_ brake: Brake) { self.brake = brake }

    package init(_ object: JSONObject) throws(RecordError) {
        guard case .array(let values)? = object["lost"] else { throw RecordError("field lost is not a list") }
        var lost: [MachineID] = []
        for value in values {
            guard case .string(let text) = value, let id = MachineID(text) else {
                throw RecordError("field lost holds something that is not a machine id")
            }
            lost.append(id)
        }
        brake = Brake(
            lost: lost, seen: try object.integer("seen", as: Int.self) ?? lost.count,
            window: try object.integer("within", as: Int.self) ?? 0,
            since: try object.integer("since", as: Int64.self) ?? 0)
    }

    package func write(to object: inout JSONObject) {
        object["since"] = .number(brake.since)
        object["lost"] = .array(brake.lost.map { .string($0.rawValue) })
        object["seen"] = .number(brake.seen)
        object["within"] = .number(brake.window)
    }
}
