// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A change that takes longer than one transaction: the head of its records, `operations/<id>`.
///
/// It lives in the cluster, not in the client that asked for it. Whoever leads brings it to one of its ends, or lets it stand
/// paused with a reason (rule R14).
///
/// - Source: DESIGN section 6.
package struct OperationRecord: Hashable, Sendable {
    /// What is to be done.
    package enum Kind: Hashable, Sendable {
        /// The machine hands its units over, one by one.
        case drain(MachineID)
        /// The unit goes to another machine; to which, the leader chooses when that is `nil`.
        case move(UnitName, to: MachineID?)
        /// A kind of a later version: this one drives nothing of it.
        case other(String)

        /// How records and people call it.
        package var word: String {
            switch self {
            case .drain: "drain"
            case .move: "move"
            case .other(let word): word
            }
        }
    }

    /// How far it is; the words are those of records, lists, events and exit statuses.
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// It goes on.
        case running
        /// It stands still until somebody resumes or aborts it; the reason says why.
        case paused
        /// All is as planned.
        case done
        /// It could not finish; the reason says what runs where.
        case failed
        /// It was stopped where it was.
        case aborted

        /// Whether it is no end.
        package var isLiving: Bool { self == .running || self == .paused }
    }

    package var id: OperationID
    package var kind: Kind
    /// Who asked for it, for people; empty when unknown.
    package var by: String
    /// When it was asked for, in milliseconds since 1970; 0 when unknown.
    package var asked: Int64
    package var state: State
    /// Why it is as it is, in words; empty while it runs as planned.
    package var reason: String
    /// How long a step may take until the operation pauses, in seconds, 1 to `longestLimit`.
    package var limit: Int
    /// The wave that was begun last; 0 before the first.
    package var wave: Int
    /// How many leaders were lost during this wave.
    package var renewals: Int
    /// When it came to its end, in milliseconds since 1970; 0 while it lives, and in a write that leaves the time to the writer.
    package var ended: Int64
    /// When it was last written.
    package var modified = Stamp()

    /// How long a step may take where nobody says otherwise, in seconds.
    package static let standardLimit = 300
    /// The longest time for a step, in seconds.
    package static let longestLimit = 86_400
    /// The most waves that an operation can have.
    package static let mostWaves = 1_000_000
    /// How many leaders may be lost during one wave before the operation pauses.
    ///
    /// - Source: DESIGN section 6: a new leader gives the current step its limit anew, at most three times.
    package static let mostRenewals = 3

    package init(
        id: OperationID, kind: Kind, by: String = "", asked: Int64 = 0, state: State = .running, reason: String = "",
        limit: Int = standardLimit, wave: Int = 0, renewals: Int = 0, ended: Int64 = 0
    ) {
        self.id = id
        self.kind = kind
        self.by = by
        self.asked = asked
        self.state = state
        self.reason = reason
        self.limit = limit
        self.wave = wave
        self.renewals = renewals
        self.ended = ended
    }

    /// Whether it has not come to an end.
    package var isLiving: Bool { state.isLiving }

    /// Whether it goes on, and this version does not know how: then no file may be taken for unused.
    package var isForeign: Bool { if case .other = kind { isLiving } else { false } }

    /// The machine that it drains; `nil` for another kind.
    package var drained: MachineID? { if case .drain(let machine) = kind { machine } else { nil } }

    /// Whether both were asked for in the same words: then one is the other, repeated.
    package func isSameRequest(as other: OperationRecord) -> Bool {
        id == other.id && kind == other.kind && limit == other.limit
    }
}
