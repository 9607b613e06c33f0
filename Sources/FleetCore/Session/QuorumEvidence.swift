// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a member of the store says when it is asked how it is; of one that says nothing there is no answer.
package enum MemberAnswer: Sendable, Equatable {
    /// Its host refused the connection.
    case refused
    /// It runs and knows no leader.
    case noLeader
    /// It names another member as the leader.
    case follows
    /// It leads, by its own word.
    case leads
}

/// Tells from the answers of the store's members, one by one, since when no lease can have ended.
///
/// A leader of etcd gives every lease its full lifetime when it is elected, and only then. So a moment is a proof when whoever leads
/// the store later must have been elected after it. There are three ways to know that:
///
/// - *All.* Every member has refused, or said that it knows no leader or follows another one, in answer to a question that was
///   asked after the moment: who leads later was elected after its own answer. This is a store that has just lost its leader: it
///   refuses, and the others follow it until they notice.
/// - *A majority that refuses, and each of the others once.* While a majority is down nobody is elected. So who has been seen
///   without the lead since then leads only after the majority is back. This is a store that starts: its first member takes
///   connections and says nothing.
/// - *A majority, for long.* A leader that is out of reach and has lost its majority goes on for up to two election time-outs. If
///   the majority is back before, it leads on without an election and extends no lease. So the same majority must be
///   seen down in question after question for longer than that.
///
/// Silence proves nothing. A member that leads contradicts that a majority is down; one that follows begins the wait anew.
///
/// - Source: DESIGN section 5, "No quorum".
package struct QuorumEvidence: Sendable, Equatable {
    /// How long etcd's members wait for their leader, unless they are told otherwise.
    package static let electionTimeout = Duration.seconds(1)

    /// For how long a majority must have been down: a leader notices after two election time-outs at most that it is gone.
    package static let window = electionTimeout * 2 + .milliseconds(100)

    /// For how long nothing may have been heard of a member that is taken for down all the while: in less, none starts, is
    /// heard by its leader, and goes down again.
    package static let longestGap = Duration.milliseconds(500)

    /// From one question to the next while a majority is watched: one that is lost, or late by as much, makes no gap.
    package static let interval = Duration.milliseconds(200)

    /// A row of equal answers of one member, without a gap.
    private struct Row: Sendable, Equatable {
        var answer: MemberAnswer
        /// When the first of them came.
        var since: Moment
        /// When the question left that the last of them is about.
        var asked: Moment
    }

    /// By member: its last row, which may be over; `nil` when it was not seen down.
    private var rows: [Row?] = []
    /// By member: when the newest question left to which it answered that it does not lead.
    ///
    /// If it leads, it was elected later.
    private var unled: [Moment?] = []
    /// When a member was last heard that follows a leader.
    private var followed: Moment?

    package init() {}

    /// Takes one answer.
    ///
    /// - Parameters:
    ///   - answer: What the member said.
    ///   - member: Its number, from 0 on.
    ///   - count: How many members the store has; those that are never asked count, too.
    ///   - asked: When the question left.
    ///   - now: When the answer was heard.
    /// - Returns: The newest moment after which whoever leads the store next must have been elected; `nil` when there is no proof.
    package mutating func take(
        _ answer: MemberAnswer, of member: Int, among count: Int, asked: Moment, at now: Moment
    ) -> Moment? {
        if rows.count != count {
            self = QuorumEvidence()
            rows = Array(repeating: nil, count: count)
            unled = rows.map { _ in nil }
        }
        guard rows.indices.contains(member) else { return nil }
        if answer != .leads { unled[member] = max(unled[member] ?? asked, asked) }
        switch answer {
        case .leads: rows = rows.map { _ in nil }
        case .follows:
            rows[member] = nil
            followed = now
        case .refused, .noLeader: note(answer, of: member, asked: asked, at: now)
        }
        return [allUnled, majorityRefuses, majorityIsLongDown].compactMap(\.self).max()
    }

    private mutating func note(_ answer: MemberAnswer, of member: Int, asked: Moment, at now: Moment) {
        if let row = rows[member], asked < row.asked {
            // Overtaken by the answer to a later question. What it adds is that the member was not the same all the time.
            if row.answer != answer { rows[member]?.since = now }
            return
        }
        var row = Row(answer: answer, since: now, asked: asked)
        // One that ran, without a leader, may have heard of one before it went down.
        if let former = rows[member], former.answer == answer, now.since(former.asked) <= Self.longestGap {
            row.since = former.since
        }
        rows[member] = row
    }

    /// Whether a majority, and not all, has been seen down of late: what is missing is that it stays so.
    package func isPartial(at now: Moment) -> Bool {
        let count = rows.count { $0.map { now.since($0.asked) <= Self.longestGap } ?? false }
        return count >= majority && count < rows.count
    }

    private var majority: Int { rows.count / 2 + 1 }

    private var allUnled: Moment? {
        let known = unled.compactMap(\.self)
        return known.count == unled.count ? known.min() : nil
    }

    private var majorityRefuses: Moment? {
        guard let (since, asked) = longestMajority(where: { $0.answer == .refused }) else { return nil }
        let wereAllUnled = unled.allSatisfy { $0.map { $0 >= since } ?? false }
        return wereAllUnled ? asked : nil
    }

    private var majorityIsLongDown: Moment? {
        guard let (since, asked) = longestMajority(where: { _ in true }) else { return nil }
        return asked.since(max(since, followed ?? since)) >= Self.window ? asked : nil
    }

    /// The majority that has been down for longest: since when all of it is, and what was asked last of each of it.
    private func longestMajority(where isMeant: (Row) -> Bool) -> (since: Moment, asked: Moment)? {
        let known = rows.compactMap(\.self)
        guard let latest = known.map(\.asked).max() else { return nil }
        let current = known.filter { isMeant($0) && latest.since($0.asked) <= Self.longestGap }
        let longest = current.sorted { ($0.since, $1.asked) < ($1.since, $0.asked) }.prefix(majority)
        guard longest.count == majority, let since = longest.last?.since, let asked = longest.map(\.asked).min() else {
            return nil
        }
        return (since, asked)
    }
}
