// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A point of one machine's own monotonic time that goes on during suspend (`CLOCK_BOOTTIME`), in nanoseconds.
///
/// Moments of different machines, or of one machine before and after a boot, cannot be compared.
package struct Moment: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (moment: Moment, span: Duration) -> Moment {
        Moment(nanoseconds: moment.nanoseconds + span.nanoseconds)
    }

    package static func - (moment: Moment, span: Duration) -> Moment {
        Moment(nanoseconds: moment.nanoseconds - span.nanoseconds)
    }

    /// The span from `earlier` to this moment; negative when `earlier` is later.
    package func since(_ earlier: Moment) -> Duration { .nanoseconds(nanoseconds - earlier.nanoseconds) }

    package var description: String { "\(nanoseconds) ns" }
}

extension Duration {
    /// The whole span in nanoseconds; spans beyond 292 years do not occur here and are cut to that.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (whole, isBeyond) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return isBeyond ? (seconds < 0 ? .min : .max) : whole
    }
}
