// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Decides when a machine that may host the engine campaigns for the lead, leads, and steps down.
///
/// Losers wait for the leader's key to go; nobody asks on a timer, except after an attempt that failed.
///
/// - Source: DESIGN section 5, "Leader".
package struct ElectionCore: Sendable, Equatable {
    package enum Phase: Sendable, Equatable {
        /// No session: neither leading nor campaigning.
        case out
        /// Somebody else leads, or it is not known yet who.
        case following
        case campaigning
        case leading(Leadership)
    }

    package enum Event: Sendable, Equatable {
        case sessionEntered
        case sessionLeft
        /// The leader's key is as told; `nil` when there is no leader.
        case observed(Leadership?)
        case won(Leadership)
        case lost
        case campaignFailed
        /// A guarded write showed that another epoch has begun.
        case deposed
        case woke
        case stopping
    }

    package enum Directive: Sendable, Equatable {
        case campaign
        case lead(Leadership)
        /// Stop deciding at once; drop everything that is not committed.
        case stepDown
        case resign(Leadership)
        case wake(at: Moment)
    }

    package let machine: MachineID
    package private(set) var phase: Phase = .out
    private var leader: Leadership?
    /// Whether `leader` was told at all.
    private var hasObserved = false
    /// The highest epoch that is known to have ended.
    private var endedEpoch: Int64 = 0

    /// From a campaign without an answer to the next.
    package static let retryInterval = Duration.milliseconds(500)

    package init(machine: MachineID) { self.machine = machine }

    package mutating func handle(_ event: Event, at now: Moment) -> [Directive] {
        switch event {
        case .sessionEntered:
            guard phase == .out else { return [] }
            phase = .following
            return hasObserved ? follow(at: now) : []
        case .sessionLeft: return leave(resigning: false)
        case .stopping: return leave(resigning: true)
        case .observed(let seen): return observe(seen, at: now)
        case .won(let leadership):
            guard phase == .campaigning else { return [.resign(leadership)] }
            guard leadership.epoch > endedEpoch, (leader?.epoch ?? 0) <= leadership.epoch else {
                // The watch was faster than this answer: the lead that it tells of has ended already.
                phase = .following
                return follow(at: now)
            }
            phase = .leading(leadership)
            return [.lead(leadership)]
        case .lost, .campaignFailed:
            guard phase == .campaigning else { return [] }
            phase = .following
            return doubt(at: now)
        case .deposed:
            guard case .leading = phase else { return [] }
            phase = .following
            return [.stepDown] + doubt(at: now)
        case .woke:
            guard phase == .following else { return [] }
            return follow(at: now)
        }
    }

    private mutating func observe(_ seen: Leadership?, at now: Moment) -> [Directive] {
        let former = leader
        leader = seen
        hasObserved = true
        if let former, former != seen { endedEpoch = max(endedEpoch, former.epoch) }
        switch phase {
        case .following: return follow(at: now)
        case .leading(let own) where seen != own:
            // What the watch tells may be older than our win. It is newer if it is of a later epoch, or if our own key was
            // there before.
            guard let seen else {
                guard former == own else { return [] }
                phase = .following
                return [.stepDown] + follow(at: now)
            }
            guard seen.epoch > own.epoch else { return [] }
            phase = .following
            return [.stepDown]
        default: return []
        }
    }

    /// What a machine that does not lead does about the leader that it knows of.
    private mutating func follow(at now: Moment) -> [Directive] {
        guard let leader else {
            phase = .campaigning
            return [.campaign]
        }
        // The key is ours, from a campaign without an answer or from a former run of this agent: with a new epoch
        // whatever was under way then is void.
        return leader.machine == machine ? [.resign(leader), .wake(at: now + Self.retryInterval)] : []
    }

    /// After an answer that the watch may not have caught up with: when it tells of no other leader for a while, looks
    /// again.
    private func doubt(at now: Moment) -> [Directive] {
        if let leader, leader.machine != machine { return [] }
        return [.wake(at: now + Self.retryInterval)]
    }

    private mutating func leave(resigning: Bool) -> [Directive] {
        defer { phase = .out }
        guard case .leading(let leadership) = phase else { return [] }
        return [.stepDown] + (resigning ? [.resign(leadership)] : [])
    }
}
