// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// Asks all members of the store at once whether the store as a whole can still decide anything.
///
/// While a majority of the members refuses connections or knows no leader, no lease can be ended; and a store that regains
/// a leader gives every lease its full lifetime again. Such answers are as good as a renewal. Time-outs prove nothing: the
/// members may well be alive behind a cut cable.
///
/// - Source: DESIGN section 5, "No quorum".
struct QuorumQuestion: Sendable {
    let etcd: EtcdClient

    /// - Parameter memberCount: How many members the store has; at least the number of endpoints is assumed.
    /// - Returns: Whether a majority answered "no leader" or refused.
    func isQuorumLost(memberCount: Int) async -> Bool {
        let endpoints = etcd.configuration.endpoints
        let majority = max(memberCount, endpoints.count) / 2 + 1
        let etcd = etcd
        return await withTaskGroup(of: Bool.self) { group in
            for endpoint in endpoints {
                group.addTask {
                    switch await etcd.probe(endpoint) {
                    case .refused, .noLeader: true
                    case .healthy, .timedOut, .unknown: false
                    }
                }
            }
            return await group.reduce(into: 0) { count, isDown in count += isDown ? 1 : 0 } >= majority
        }
    }
}
