// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How long a machine bears it that it cannot follow its schedule: it says so, keeps its units, and at last gives its session up.
///
/// What it has given up once and is left with nobody else can take, or the cluster can do nothing for; so each time its patience is
/// twice as long.
package struct SchedulePatience: Sendable, Equatable {
    package enum Step: Comparable, Sendable {
        /// Too early to call it trouble.
        case wait
        /// The machine says in its record what is wrong, and so takes no new units.
        case tell
        /// Others shall run its units, if the cluster can do without it.
        case giveUp
    }

    /// A store that is away for a moment is no trouble of the machine's.
    package static let silence = Duration.seconds(3)
    package static let limit = Duration.seconds(30)
    private static let longest = 64

    private var since: Moment?
    /// From when on `limit`, or a multiple of it, counts.
    private var start: Moment?
    private var multiple = 1

    package init() {}

    /// Whether the first failure has been met, and no success since.
    package var isFailing: Bool { since != nil }

    /// The schedule could not be followed, once more; `holdsUnits` says whether there is anything that others could run.
    package mutating func failed(at now: Moment, holdsUnits: Bool) -> Step {
        let since = since ?? now
        let start = start ?? now
        (self.since, self.start) = (since, start)
        guard now >= since + Self.silence else { return .wait }
        return holdsUnits && now >= start + Self.limit * multiple ? .giveUp : .tell
    }

    package mutating func succeeded() { self = SchedulePatience() }

    /// Every unit has been stopped, since the session may end, or was given up.
    package mutating func fenced(at now: Moment) {
        guard let begin = start else { return }
        if now >= begin + Self.limit * multiple { multiple = min(multiple * 2, Self.longest) }
        start = now
    }
}

/// Whether the cluster can do without a machine that is out of patience (rule R12).
///
/// What keeps all machines from their schedules must not stop every unit of the cluster: one machine goes at a time, and none while
/// fewer than two thirds of them take units. The turn is a key in the store with a lifetime of its own, longer than a session's.
package enum Surrender {
    package enum Verdict: Sendable, Equatable {
        case mayGo
        /// The store does not say yet that this machine takes no units.
        case isOpen
        case tooFewAreLeft
    }

    package static func verdict(of machine: MachineID, among machines: [MachineRecord]) -> Verdict {
        guard machines.contains(where: { $0.id == machine && $0.isClosed }) else { return .isOpen }
        let able = machines.count { !$0.isClosed }
        return able * 3 >= machines.count * 2 ? .mayGo : .tooFewAreLeft
    }

    /// How long after it asked for the turn a machine may still act on it.
    package static let validity = Duration.seconds(1)

    /// Seconds for which nobody else gives up after a machine has taken the turn: a session's lifetime and the validity.
    package static func turnLifetime(ttl: Int) -> Int { ttl + Int(validity.components.seconds) }
}
