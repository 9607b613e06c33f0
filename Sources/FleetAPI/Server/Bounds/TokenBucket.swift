// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// So many at once, and then so many a second: what is taken comes back at a steady rate.
package struct TokenBucket: Sendable {
    private let burst: Double
    private let rate: Double
    private var filled: Double
    /// When it was last looked at, in seconds on a clock that only goes forward.
    private(set) var at: Double

    /// - Parameters:
    ///   - burst: How many can be taken at once; it begins full.
    ///   - rate: How many come back in a second.
    ///   - now: Seconds on a clock that only goes forward.
    package init(burst: Double, rate: Double, now: Double) {
        self.burst = burst
        self.rate = rate
        filled = burst
        at = now
    }

    /// Takes one; `false`, and nothing is taken, when there is none.
    ///
    /// Time that goes backwards brings nothing.
    package mutating func take(at now: Double) -> Bool {
        filled = min(burst, filled + max(0, now - at) * rate)
        at = now
        guard filled >= 1 else { return false }
        filled -= 1
        return true
    }
}
