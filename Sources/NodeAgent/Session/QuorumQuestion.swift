// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore

/// Asks all members of the store at once how they are; what their answers prove is `QuorumEvidence`'s to tell.
///
/// - Source: DESIGN section 5, "No quorum".
struct QuorumQuestion: Sendable {
    let etcd: EtcdClient
    /// How many members the store has; the number of endpoints at least.
    let count: Int

    /// - Parameters:
    ///   - etcd: What knows the endpoints of members, perhaps not of all.
    ///   - memberCount: How many members the store is known to have; 0 when that is not known.
    init(etcd: EtcdClient, memberCount: Int) {
        self.etcd = etcd
        count = max(memberCount, etcd.configuration.endpoints.count)
    }

    /// Returns when every member has answered or had its time.
    ///
    /// - Parameter hear: Takes each answer as it comes, with the number of the member. Of a member that is silent, or says what it
    ///   should not, there is none: it may well be alive behind a cut cable.
    func ask(_ hear: @escaping @Sendable (MemberAnswer, Int) -> Void) async {
        let etcd = etcd
        await withDiscardingTaskGroup { group in
            for (member, endpoint) in etcd.configuration.endpoints.enumerated() {
                group.addTask {
                    switch await etcd.probe(endpoint) {
                    case .refused: hear(.refused, member)
                    case .noLeader: hear(.noLeader, member)
                    case .healthy: hear(.leader, member)
                    case .timedOut, .unknown: break
                    }
                }
            }
        }
    }
}
