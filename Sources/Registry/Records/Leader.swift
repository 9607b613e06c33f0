// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

extension Records {
    /// Who leads.
    package static let leader = RecordKind<NoName, LeaderEntry>(
        "leader", lease: .session,
        // Its reading tells how far the store has come, and so whether it is the same as before (rule R8).
        agents: [.read(.all)], backup: .left,
        events: RecordEvents(
            put: { (_, value, entry) in
                .leaderPut(Leadership(machine: value.machine, epoch: entry.createRevision))
            }, gone: { _ in .leaderGone }))
}

extension RegistryKeys {
    package var leader: String { key(Records.leader) }
}

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
