// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the leader writes down for its successors, besides the schedule; each is harmless when it is written twice.
package enum ClusterNote: Hashable, Sendable {
    /// `seen/<machine>`: the machine lives, or vanished less than a session's lifetime ago.
    case remember(MachineID)
    /// The machine's loss has been dealt with.
    case forget(MachineID)
    /// Takes effect at once, with or without an answer; `since` is 0 when the writer is to say the time.
    case brake(Brake)
    case release
}
