// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Synchronization

/// Asks all members of the store at once how they are; what their answers prove is `QuorumEvidence`'s to tell.
///
/// - Source: DESIGN section 5, "No quorum".
struct QuorumQuestion: Sendable {
    let etcd: any SessionStore
    /// How many members the store has; the number of known URLs at least.
    let count: Int

    /// - Parameters:
    ///   - etcd: What knows the URLs of members, perhaps not of all; through a gate where the machine has no login of its own.
    ///   - memberCount: How many members the store is known to have; 0 when that is not known.
    init(etcd: any SessionStore, memberCount: Int) {
        self.etcd = etcd
        count = max(memberCount, etcd.memberURLs.count)
    }

    /// Returns when every member has answered or had its time.
    ///
    /// - Parameter hear: Takes each answer as it comes, with the number of the member. Of a member that is silent, or says what it
    ///   should not, there is none: it may well be alive behind a cut cable. Nor is there of one that answers at a second
    ///   endpoint, too: it is not two members.
    func ask(_ hear: @escaping @Sendable (MemberAnswer, Int) -> Void) async {
        let etcd = etcd
        // One gate for the whole question: answers from several places are not put together.
        let asked = etcd.preferredEndpoint
        let heard = Heard()
        await withDiscardingTaskGroup { group in
            for (member, url) in etcd.memberURLs.enumerated() {
                group.addTask {
                    switch await etcd.probe(member: url, by: asked) {
                    case .refused: hear(.refused, member)
                    case .noLeader(_, let id):
                        if heard.isFirst(id) { hear(.noLeader, member) }
                    case .healthy(let leader, _, let id):
                        if heard.isFirst(id) { hear(leader == id ? .leads : .follows, member) }
                    case .timedOut, .unknown: break
                    }
                }
            }
        }
    }

    /// The members that have answered, by etcd's own numbers for them.
    private final class Heard: Sendable {
        private let members = Mutex<Set<UInt64>>([])

        func isFirst(_ member: UInt64) -> Bool { members.withLock { $0.insert(member).inserted } }
    }
}
