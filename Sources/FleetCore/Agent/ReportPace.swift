// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How often the states of one unit go to the store: a few at once, then ever more slowly while the unit flaps (rule R12).
///
/// A start, a stop or a crash is a few changes within a moment, and somebody waits for each; a unit that restarts twenty times
/// a second changes for ever. What an order brings begins a new pace.
struct ReportPace: Hashable, Sendable {
    /// Reports that go out as they come.
    static let burst = 6
    static let longestInterval = Duration.seconds(16)
    /// After this long without a report the unit counts as calm.
    static let calm = Duration.seconds(30)
    /// What has been down for so long has come to rest: somebody may wait for it.
    ///
    /// Between two runs of a unit that flaps systemd says `failed` or `inactive`, too, for a moment.
    static let rest = Duration.seconds(1)

    /// Reports since the unit was calm.
    private var count = 0
    private var last: Moment?
    /// A report is held back until then.
    var held: Moment?

    /// Asks for leave to report now.
    ///
    /// - Parameters:
    ///   - now: The moment of the report.
    ///   - down: Since when the unit is down, if it is.
    /// - Returns: Whether the report may go out; if not, `held` says when to ask again.
    mutating func mayReport(at now: Moment, downSince down: Moment? = nil) -> Bool {
        if let last, now >= last + Self.calm { count = 0 }
        if count >= Self.burst, let last {
            let next = last + min(Duration.seconds(1 << min(count - Self.burst, 10)), Self.longestInterval)
            let rest = down.map { $0 + Self.rest }
            guard now >= next || rest.map({ now >= $0 }) ?? false else {
                held = rest.map { min($0, next) } ?? next
                return false
            }
        }
        held = nil
        count += 1
        last = now
        return true
    }
}
