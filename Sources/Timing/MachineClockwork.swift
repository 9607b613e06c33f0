// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import Glibc

/// The machine's own time and chance, and Swift's own pool of threads.
package struct MachineClockwork: Clockwork {
    package init() {}

    /// Now, by `CLOCK_BOOTTIME`.
    package var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package var wallMilliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    package var executor: (any TaskExecutor)? { nil }

    package func random() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }

    package func sleep(for span: Duration, tolerance: Duration?) async throws {
        try await Task.sleep(for: span, tolerance: tolerance)
    }
}
