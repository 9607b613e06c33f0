// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// Calls other machines, for help that only one which reaches the store can give.
///
/// `PeerCalls` calls them by their API.
package protocol PeerCaller: Sendable {
    /// Whether a machine can be called by the address that it has written down of itself; `nil` where it has none.
    func canCall(_ address: String?) -> Bool

    /// Has a machine renew the lease of `session`, which must be the caller's own, or tell of a proof that it has.
    ///
    /// - Parameters:
    ///   - session: What is to be renewed.
    ///   - machine: The caller.
    ///   - address: Whom to ask.
    ///   - deadline: How long that may take.
    /// - Returns: What it could do.
    func renew(
        _ session: SessionInNeed, of machine: MachineID, at address: String, within deadline: Duration
    ) async -> PeerAnswer

    /// Has a machine end `leadership`, which must be the caller's own.
    ///
    /// - Returns: Whether it says that the lead has ended.
    func resign(_ leadership: Leadership, at address: String, within deadline: Duration) async -> Bool
}

/// The session of a machine whose renewals fail, as its peers need to know it.
package struct SessionInNeed: Sendable, Equatable {
    /// As etcd writes it.
    package var lease: String
    /// How old the newest proof is that the session lives; a peer's must be younger to be of use.
    package var proofAge: Duration
    /// The store that the session is with, and its members; a peer's proof is of use only when it is about just the same.
    ///
    /// `nil` until the store has answered.
    package var store: String?

    package init(lease: String, proofAge: Duration, store: String?) {
        self.lease = lease
        self.proofAge = proofAge
        self.store = store
    }
}

/// What a peer can do for a session.
package enum PeerAnswer: Sendable, Equatable {
    /// The store renewed the lease for it.
    case renewed
    /// So long ago, when the peer looked, there was a moment after which whoever leads the store was elected.
    case noQuorum(age: Duration)
    case nothing
}

/// Keeps who else was in the cluster at the last look.
///
/// `RosterFile` keeps it in the runtime folder.
package protocol Roster: Sendable {
    /// Notes who is there.
    func note(_ records: [MachineRecord]) async
}
