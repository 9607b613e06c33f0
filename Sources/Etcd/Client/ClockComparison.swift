// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import HTTPTransport

/// How far this machine's clock is from that of the etcd member that answered last.
///
/// Every answer over HTTP says when it was given (RFC 9110, section 6.6.1). A clock that is days off makes certificates look ended or
/// not begun, and says nothing by itself.
final class ClockComparison: Sendable {
    private let state = Locked<Int64?>(nil)
    private let now: @Sendable () -> Int64

    /// - Parameter now: This machine's clock, in seconds since 1970.
    init(now: @escaping @Sendable () -> Int64) { self.now = now }

    /// Seconds by which this machine's clock is ahead; `nil` until an answer has said what time it is there.
    var error: Int64? { state.withLock { $0 } }

    func note(_ date: String?) {
        guard let date, let there = Self.seconds(date) else { return }
        note(seconds: there)
    }

    func note(seconds there: Int64) {
        let error = now() - there
        state.withLock { $0 = error }
    }

    /// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func seconds(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int64(words[1]), (1...31).contains(day),
            let month = months.firstIndex(of: words[2]), let year = Int64(words[3]), (1970...9999).contains(year)
        else { return nil }
        let time = words[4].split(separator: ":").map { Int64($0) }
        guard time.count == 3, let hour = time[0], let minute = time[1], let second = time[2],
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        return ((days(year, Int64(month) + 1, day) * 24 + hour) * 60 + minute) * 60 + second
    }

    private static let months: [Substring] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Days from 1970 to a day of the Gregorian calendar; years begin in March, so that a leap day is the last of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}

extension EtcdClient {
    /// Seconds by which this machine's clock is ahead of the clock of the etcd that answered last; negative when it is behind,
    /// `nil` before the first answer.
    package var clockError: Int64? { clock.error }
}
