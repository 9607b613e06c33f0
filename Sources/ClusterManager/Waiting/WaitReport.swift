// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The state of a wait for several goals: which are settled, and what is left to tell the user.
///
/// A value without clock or connection, fed by `Waiter`.
package struct WaitReport: Sendable {
    /// Something to tell.
    package struct Line: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            /// The unit got where it should: a result.
            case reached
            /// The unit cannot get there.
            case failed
            /// Why the unit is not there yet. The wait goes on.
            case note
        }

        package var kind: Kind
        package var unit: UnitName
        package var text: String
        /// What the unit's machine reported of it then; `nil` when none did.
        package var state: FleetUnitState?

        package init(_ kind: Kind, _ unit: UnitName, _ text: String, state: FleetUnitState? = nil) {
            self.kind = kind
            self.unit = unit
            self.text = text
            self.state = state
        }
    }

    /// Goals not yet settled, in the order given.
    package private(set) var pending: [WaitGoal]
    /// How goals were settled, in the order in which it was found out.
    package private(set) var outcomes: [Line] = []
    private var reasons: [UnitName: String] = [:]
    /// At which `attention` something was last heard of each unit.
    private var heard: [UnitName: Duration] = [:]

    /// Begins with `outcomes`, which an earlier wait of the same command has found out.
    package init(_ goals: [WaitGoal], after outcomes: [Line] = []) {
        self.pending = goals
        self.outcomes = outcomes
    }

    package var isDone: Bool { pending.isEmpty }

    /// Judges the pending goals anew; a reason is said once until it changes.
    ///
    /// - Parameters:
    ///   - view: What is known of the cluster.
    ///   - changed: The unit that the view's last change was about; `nil` judges all of them.
    ///   - attention: As for `WaitGoal.verdict(in:attention:)`.
    /// - Returns: What there is to say.
    package mutating func update(_ view: FleetView, changed: UnitName? = nil, attention: Duration) -> [Line] {
        var lines: [Line] = []
        if let changed { heard[changed] = attention }
        pending.removeAll { goal in
            guard changed == nil || goal.unit == changed else { return false }
            let quiet = attention - heard[goal.unit, default: .zero]
            switch goal.verdict(in: view, attention: attention, quiet: quiet) {
            case .pending(let reason):
                guard let reason, reasons[goal.unit] != reason else { return false }
                reasons[goal.unit] = reason
                lines.append(Line(.note, goal.unit, Self.words(for: goal.unit, reason, in: view)))
                return false
            case .reached(let text):
                lines.append(Line(.reached, goal.unit, text, state: view.state(of: goal.unit)))
                return true
            case .failed(let text):
                lines.append(Line(.failed, goal.unit, text, state: view.state(of: goal.unit)))
                return true
            }
        }
        outcomes += lines.filter { $0.kind != .note }
        return lines
    }

    /// Where the goals are that are not settled: notes, with the reason when one is known.
    package func unsettled(in view: FleetView) -> [Line] {
        pending.map { goal in
            let words = Self.words(for: goal.unit, reasons[goal.unit], in: view)
            return Line(.note, goal.unit, words, state: view.state(of: goal.unit))
        }
    }

    /// Says that a unit is not where it should be, and why when that is known.
    private static func words(for unit: UnitName, _ reason: String?, in view: FleetView) -> String {
        let isPlaceless = reason != nil && view.states[unit] == nil && view.units[unit]?.machine == nil
        return "unit \(unit) \(isPlaceless ? "waits for a machine" : "is not there yet")"
            + (reason.map { ": \($0)" } ?? "")
    }

    /// What to say when the wait is given up.
    package func givenUp(after timeout: Duration) -> String {
        let total = pending.count + outcomes.count
        let named = pending.map { goal in
            reasons[goal.unit].map { "\(goal.unit) (\($0))" } ?? goal.unit.rawValue
        }
        return "gave up waiting after \(timeout.inWords): \(pending.count) of \(total) units not there yet:"
            + " \(named.few(3)); the cluster goes on working at it"
    }

    /// The one line that tells a person at a terminal what is being waited for.
    package func progress(elapsed: Duration) -> String {
        "\(outcomes.count) of \(pending.count + outcomes.count) done, waiting for \(names) (\(elapsed.inWords))"
    }

    /// What is waited for; of many the first.
    package var names: String {
        pending.prefix(3).map(\.unit.rawValue).joined(separator: ", ") + (pending.count > 3 ? ", ..." : "")
    }
}

extension [String] {
    /// The first of many, and how many more there are: `a, b, c and 4 more`.
    func few(_ count: Int) -> String {
        prefix(count).joined(separator: ", ") + (self.count > count ? " and \(self.count - count) more" : "")
    }

    /// The same in a sentence, with "and" before the last: `a, b and c`.
    func listed(_ count: Int) -> String {
        guard let last, (2...Swift.max(2, count)).contains(self.count) else { return few(count) }
        return dropLast().joined(separator: ", ") + " and \(last)"
    }
}

extension Duration {
    /// Whole seconds from ten up, tenths below: `2.5 s`, `12 s`.
    package var inWords: String {
        let (seconds, attoseconds) = components
        let tenths = attoseconds / 100_000_000_000_000_000
        return seconds >= 10 || tenths == 0 ? "\(seconds) s" : "\(seconds).\(tenths) s"
    }
}
