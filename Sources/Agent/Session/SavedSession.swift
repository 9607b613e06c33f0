// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
package import Timing

/// The session as it survives a restart of the agent, in the runtime folder; a boot clears that folder.
package struct SavedSession: Codable, Sendable {
    package var lease: Int64
    /// Seconds.
    package var ttl: Int
    /// When the last successful renewal was sent, in nanoseconds of `CLOCK_BOOTTIME`.
    package var proof: Int64
    package var bootID: String
    /// What proves to the store that its record of this machine is ours.
    package var token: String
    /// The store that holds the session.
    package var storeID: UInt64?
    /// The newest revision that the store is known to have reached.
    package var storeRevision: Int64?
    /// The store's mark, see `ClusterRegistry.makeMark()`.
    package var storeMark: String?
    /// Whether the agent refused what etcd answered, so that the session's age counts for nothing (rule R8).
    package var isRefused: Bool?
    /// The units of this session are being stopped, or were, whatever the store says of them: the next run adopts none.
    package var mustFence: Bool?
    /// The agent has adopted another store and was in no session since.
    package var hasAdopted: Bool?
    /// How many members the store has: this machine may know the endpoints of some alone.
    package var memberCount: Int?

    package var sessionLease: SessionLease? { lease == 0 ? nil : SessionLease(id: lease, ttl: ttl) }

    /// What etcd has to have reached for this session to be in it; without a session there is nothing to be lost.
    package var expectedRevision: Int64 { lease == 0 ? 0 : storeRevision ?? 0 }

    /// No session yet in this boot, with a new token.
    package static func none(bootID: String, clockwork: any Clockwork) -> SavedSession {
        let token = String(clockwork.random(), radix: 36) + String(clockwork.random(), radix: 36)
        return SavedSession(lease: 0, ttl: 0, proof: 0, bootID: bootID, token: token, storeID: nil)
    }

    /// The same run of this machine, without a word of the store that its session was in.
    package var withoutStore: SavedSession {
        SavedSession(lease: 0, ttl: 0, proof: 0, bootID: bootID, token: token, storeID: nil, hasAdopted: true)
    }
}
