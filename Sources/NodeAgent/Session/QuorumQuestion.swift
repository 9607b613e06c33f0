// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// Asks all members of the store at once whether the store as a whole can still decide anything.
///
/// While a majority of the members refuses connections or knows no leader, no lease can be ended; and a store that regains
/// a leader gives every lease its full lifetime again. Such answers are as good as a renewal. Time-outs prove nothing: the
/// members may well be alive behind a cut cable. `SessionCore` says why it matters whether all members answered so.
///
/// - Source: DESIGN section 5, "No quorum".
struct QuorumQuestion: Sendable {
    let etcd: EtcdClient

    enum Verdict: Sendable, Hashable {
        case unproven
        /// A majority answered "no leader" or refused.
        case majorityIsDown
        /// All members did.
        case allAreDown
    }

    /// - Parameter memberCount: How many members the store has; at least the number of endpoints is assumed.
    /// - Returns: What their answers prove.
    func verdict(memberCount: Int) async -> Verdict {
        let endpoints = etcd.configuration.endpoints
        let all = max(memberCount, endpoints.count)
        let etcd = etcd
        let down = await withTaskGroup(of: Bool.self) { group in
            for endpoint in endpoints {
                group.addTask {
                    switch await etcd.probe(endpoint) {
                    case .refused, .noLeader: true
                    case .healthy, .timedOut, .unknown: false
                    }
                }
            }
            return await group.reduce(into: 0) { count, isDown in count += isDown ? 1 : 0 }
        }
        return down >= all ? .allAreDown : down > all / 2 ? .majorityIsDown : .unproven
    }
}
