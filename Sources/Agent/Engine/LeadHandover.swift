// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// How a leader whom the store lets write no more comes to an end of its lead, and where it says so.
package struct LeadHandover: Sendable {
    /// Has another machine end this lead; whether one did.
    var askPeers: @Sendable (Leadership) async -> Bool
    /// Ends the session that the lead hangs on, and with it the machine's part in the cluster.
    var leave: @Sendable () async -> Void
    /// What the leader has to say, in words for `systemctl status`.
    var status: @Sendable (String) -> Void

    package init(
        askPeers: @escaping @Sendable (Leadership) async -> Bool, leave: @escaping @Sendable () async -> Void,
        status: @escaping @Sendable (String) -> Void
    ) {
        self.askPeers = askPeers
        self.leave = leave
        self.status = status
    }

    /// There is nobody to hand it to.
    package static let nobody = LeadHandover(askPeers: { _ in false }, leave: {}, status: { _ in })
}
