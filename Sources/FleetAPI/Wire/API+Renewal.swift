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

    /// A machine's request to a peer: end my lead for me, since the store does not let me write any more.
    package struct Resignation: Codable, Hashable, Sendable {
        /// The epoch of the lead; a later one of the same machine stays.
        package var epoch: Int64

        package init(epoch: Int64) { self.epoch = epoch }
    }

    /// What the store said to the peer.
    package struct RenewalAnswer: Codable, Hashable, Sendable {
        /// Seconds that the lease now has; 0 when it no longer exists.
        package var ttl: Int

        package init(ttl: Int) { self.ttl = ttl }
    }
}
