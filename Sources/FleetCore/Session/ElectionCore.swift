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

    /// From a campaign without an answer to the next.
    package static let retryInterval = Duration.milliseconds(500)

    package init(machine: MachineID) { self.machine = machine }

    package mutating func handle(_ event: Event, at now: Moment) -> [Directive] {
        switch event {
        case .sessionEntered:
            guard phase == .out else { return [] }
            phase = .following
            return []
        case .sessionLeft: return leave(resigning: false)
        case .stopping: return leave(resigning: true)
        case .observed(let seen): return observe(seen)
        case .won(let leadership):
            guard phase == .campaigning else { return [.resign(leadership)] }
            phase = .leading(leadership)
            return [.lead(leadership)]
        case .lost:
            guard phase == .campaigning else { return [] }
            phase = .following
            return []
        case .campaignFailed:
            guard phase == .campaigning else { return [] }
            phase = .following
            return [.wake(at: now + Self.retryInterval)]
        case .deposed:
            guard case .leading = phase else { return [] }
            phase = .following
            return [.stepDown]
        case .woke:
            guard phase == .following, leader == nil else { return [] }
            phase = .campaigning
            return [.campaign]
        }
    }

    private mutating func observe(_ seen: Leadership?) -> [Directive] {
        leader = seen
        switch phase {
        case .following where seen == nil:
            phase = .campaigning
            return [.campaign]
        case .leading(let own) where seen != own:
            // Our own key is gone or another's: a former write of ours cannot be told from this only by its epoch.
            guard (seen?.epoch ?? .max) > own.epoch else { return [] }
            phase = seen == nil ? .campaigning : .following
            return [.stepDown] + (seen == nil ? [.campaign] : [])
        default: return []
        }
    }

    private mutating func leave(resigning: Bool) -> [Directive] {
        defer { phase = .out }
        guard case .leading(let leadership) = phase else { return [] }
        return [.stepDown] + (resigning ? [.resign(leadership)] : [])
    }
}
