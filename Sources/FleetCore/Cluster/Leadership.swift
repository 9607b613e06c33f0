// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Who leads: the entry `leader`, under the leader's session.
package struct Leadership: Hashable, Sendable {
    package var machine: MachineID
    /// Create revision of the entry.
    ///
    /// Every write of a leader is conditional on it, so that a deposed leader writes
    /// nothing (rule R2).
    package var epoch: Int64

    package init(machine: MachineID, epoch: Int64) {
        self.machine = machine
        self.epoch = epoch
    }
}
