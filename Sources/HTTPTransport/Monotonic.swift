// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Nanoseconds of the machine's monotonic clock.
enum Monotonic {
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

private let century: Int64 = 3_153_600_000

/// The earliest moment at which the loop has to look at its transfers again.
///
/// Only the loop's thread uses it. It may be too early, never too late.
final class ExpiryClock {
    var next = UInt64.max
}

extension UInt64 {
    /// `self` later by `duration`; a negative duration counts as none, an endless one as a century.
    func advanced(by duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        guard duration > .zero else { return self }
        return self + UInt64(seconds < century ? seconds : century) * 1_000_000_000
            + UInt64(attoseconds / 1_000_000_000)
    }
}

extension Duration {
    /// Whole milliseconds, at least 1, at most 24 days: what fits libcurl's options.
    var curlMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        return max(1, Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
