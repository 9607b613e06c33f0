// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// The prefix of what fleet has no path for and agents ask one another.
    package static let ownPrefix = "/flotilla/v1"

    /// A machine's request to a peer: renew my lease for me, since I cannot reach the store myself.
    package struct Renewal: Codable, Hashable, Sendable {
        /// The lease, in hexadecimal as the store's own tools print it.
        package var lease: String
        /// How old the machine's newest proof of its session is, in milliseconds; `nil` of one that takes no proof of a peer.
        package var proofAge: Int?
        /// The store that the session is with, and its members, as the machine knows them; `nil` until the store has answered.
        package var store: String?

        package init(lease: String, proofAge: Int? = nil, store: String? = nil) {
            self.lease = lease
            self.proofAge = proofAge
            self.store = store
        }
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
        /// Milliseconds since a moment after which whoever leads the store next was elected, when this is newer than the asker's
        /// proof: the lease was not renewed, and cannot have ended within its lifetime from that moment on.
        package var noQuorumAge: Int?

        package init(ttl: Int, noQuorumAge: Int? = nil) {
            self.ttl = ttl
            self.noQuorumAge = noQuorumAge
        }
    }
}
