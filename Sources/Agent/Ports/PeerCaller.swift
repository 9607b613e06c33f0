// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// Calls other machines, for help that only one which reaches the store can give.
///
/// `PeerCalls` calls them by their API.
package protocol PeerCaller: Sendable {
    /// Whether a machine can be called by the address that it has written down of itself; `nil` where it has none.
    func canCall(_ address: String?) -> Bool

    /// Has a machine renew `lease`, which must be the caller's own.
    ///
    /// - Parameters:
    ///   - lease: As etcd writes it.
    ///   - machine: The caller.
    ///   - address: Whom to ask.
    ///   - deadline: How long that may take.
    /// - Returns: Whether it says that the store renewed it.
    func renew(_ lease: String, of machine: MachineID, at address: String, within deadline: Duration) async -> Bool

    /// Has a machine end `leadership`, which must be the caller's own.
    ///
    /// - Returns: Whether it says that the lead has ended.
    func resign(_ leadership: Leadership, at address: String, within deadline: Duration) async -> Bool
}

/// Keeps who else was in the cluster at the last look.
///
/// `RosterFile` keeps it in the runtime folder.
package protocol Roster: Sendable {
    /// Notes who is there.
    func note(_ records: [MachineRecord]) async
}
