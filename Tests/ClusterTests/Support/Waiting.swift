// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Waits until `condition` holds, asking again and again.
///
/// - Parameters:
///   - what: The condition in words, for the error.
///   - patience: When to give up; generous, since nothing may depend on how fast the host is.
///   - condition: What must become true.
/// - Throws: `ClusterFailure` when patience ends, with the last one that `condition` threw; and what else it throws.
func until(
    _ what: String, within patience: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
    try await untilValue(what, within: patience) { try await condition() ? true : nil }
}

/// Waits until `attempt` gives a value, as `until` does for a condition.
@discardableResult
func untilValue<Value>(
    _ what: String, within patience: Duration = .seconds(60), _ attempt: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + patience
    var last = ""
    while true {
        do {
            if let value = try await attempt() { return value }
            last = ""
        } catch let failure as ClusterFailure {
            // Nobody answered just now: asked again.
            last = "; last: \(failure)"
        }
        guard ContinuousClock.now < end else { throw ClusterFailure("not within \(patience): \(what)\(last)") }
        // Leaves the two cores to those who are waited for.
        try await Task.sleep(for: .milliseconds(100))
    }
}

/// Seconds of the clock that systemd's monotonic timestamps are of, on every machine of this host.
func monotonicNow() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
}

/// A figure for the log: tests print what they measured, and judge it by bounds that a loaded host keeps too.
func report(_ what: String, _ seconds: Double) {
    print("figure: \(what): \((seconds * 1000).rounded() / 1000) s")
}
