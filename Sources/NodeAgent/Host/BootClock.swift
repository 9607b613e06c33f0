// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import Glibc

/// This machine's monotonic time, which goes on during suspend.
package enum BootClock {
    /// Now, by `CLOCK_BOOTTIME`.
    package static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Sleeps until `moment`; returns early when the task is cancelled.
    package static func sleep(until moment: Moment) async {
        let left = moment.since(now)
        guard left > .zero else { return }
        try? await Task.sleep(for: left, tolerance: .zero)
    }

    /// Milliseconds since 1970 by the machine's wall clock, for people.
    package static var wallMilliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
