// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// The machine lives or vanished just now, as far as leaders know.
    ///
    /// Written by the leader while the machine lives, and until its loss is dealt with.
    package static let seen = RecordKind<MachineID, [UInt8]>(
        "seen/<machine>", lease: .none, agents: [], backup: .left,
        events: RecordEvents(put: { (machine, _, _) in .seenPut(machine) }, gone: { .seenGone($0) }))
}

extension RegistryKeys {
    package var seen: KeySelector { all(Records.seen) }
    package func seen(_ id: MachineID) -> String { key(Records.seen, id) }
}
