// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One member of the etcd cluster, as the member that was asked knows it.
package struct EtcdMember: Hashable, Sendable {
    package var id: UInt64
    /// Empty until the member has started for the first time.
    package var name: String
    package var clientURLs: [String]
    /// A learner has no vote and does not count for a majority.
    package var isLearner: Bool

    package init(id: UInt64, name: String, clientURLs: [String], isLearner: Bool) {
        self.id = id
        self.name = name
        self.clientURLs = clientURLs
        self.isLearner = isLearner
    }
}

/// What one endpoint says when it is asked, once, how it is.
package enum EndpointAnswer: Hashable, Sendable {
    /// It knows a leader.
    case healthy(leader: UInt64, clusterID: UInt64, memberID: UInt64)
    /// It runs and says that it knows no leader.
    case noLeader(clusterID: UInt64, memberID: UInt64)
    /// Its host was reached and refused the connection, or a filter on the way did so in its name.
    case refused
    /// Nothing came in time; this proves nothing about the member.
    case timedOut
    /// Anything else; `reason` is one line for people.
    case unknown(reason: String)
}
