// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// One run of an agent within one session of its machine: what it may write, it may write only while this lasts.
package struct Tenure: Hashable, Sendable {
    package let machine: MachineID
    /// The session's lease, on which every state hangs.
    package let lease: LeaseID
    /// Mod revision of the machine's record as this run registered it; a later run, or a later session, changes it.
    package let recordRevision: Int64

    package init(machine: MachineID, lease: LeaseID, recordRevision: Int64) {
        self.machine = machine
        self.lease = lease
        self.recordRevision = recordRevision
    }
}
