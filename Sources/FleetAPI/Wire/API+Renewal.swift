// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// The prefix of what fleet has no path for and agents ask one another.
    package static let ownPrefix = "/flotilla/v1"

    /// A machine's request to a peer: renew my lease for me, since I cannot reach the store myself.
    package struct Renewal: Codable, Hashable, Sendable {
        /// The lease, in hexadecimal as the store's own tools print it.
        package var lease: String

        package init(lease: String) { self.lease = lease }
    }

    /// What the store said to the peer.
    package struct RenewalAnswer: Codable, Hashable, Sendable {
        /// Seconds that the lease now has; 0 when it no longer exists.
        package var ttl: Int

        package init(ttl: Int) { self.ttl = ttl }
    }
}
