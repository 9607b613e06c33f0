// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What is said of a clock that is not the one of the cluster's store.
enum ClockTrouble {
    /// From so many seconds on it is a trouble.
    private static let limit: Int64 = 60

    /// One line for people.
    ///
    /// It names whole minutes, hours or days, so that it stays the same while the clocks go alike.
    ///
    /// - Parameters:
    ///   - error: Seconds by which this machine is ahead.
    ///   - isTold: Whether there was trouble before: then it ends below half the limit only.
    /// - Returns: `nil` when the clocks agree.
    static func words(_ error: Int64, isTold: Bool) -> String? {
        let size = Int64(clamping: error.magnitude)
        guard size >= (isTold ? limit / 2 : limit) else { return nil }
        let span =
            switch size {
            case 172_800...: "\(size / 86_400) days"
            case 7_200...: "\(size / 3_600) hours"
            case 120...: "\(size / 60) minutes"
            default: "a minute or so"
            }
        return
            "its clock is \(span) \(error > 0 ? "ahead of" : "behind") etcd's; certificates look ended or not begun to it, so "
            + "set it (timedatectl set-ntp true), then restart its agent"
    }

    /// What to do where the store's certificate is refused for its dates, which may be the fault of this machine's clock.
    ///
    /// Nobody can be asked for the time then: who answers proves himself with such a certificate, too.
    ///
    /// - Parameters:
    ///   - failure: What reaching the store failed with, in libcurl's words.
    ///   - now: This machine's clock, in milliseconds since 1970.
    /// - Returns: Words to follow the failure's; empty for any other failure.
    static func advice(on failure: String, now: Int64) -> String {
        guard failure.contains("certificate has expired") || failure.contains("certificate is not yet valid") else {
            return ""
        }
        let date = Date(timeIntervalSince1970: TimeInterval(now) / 1000)
        return
            "; the clock of this machine says \(date.formatted(.iso8601)): if it is wrong, set it (timedatectl set-ntp true), else "
            + "renew etcd's certificate"
    }
}
