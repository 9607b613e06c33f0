// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd

/// Tells the service manager about this process, as a service of Type=notify.
///
/// Without `NOTIFY_SOCKET` in the environment, as on a terminal, everything here does nothing and answers `false`. The
/// calls write one datagram and do not block noticeably; they may be made from any thread.
package enum Notifier {
    /// The service is up.
    @discardableResult
    package static func ready(status: String? = nil) -> Bool { send(["READY=1"] + statusLine(status)) }

    /// One line for `systemctl status`; line breaks become spaces.
    @discardableResult
    package static func status(_ text: String) -> Bool { send(statusLine(text)) }

    /// The service is alive; due once per `watchdogInterval`.
    @discardableResult
    package static func watchdog() -> Bool { send(["WATCHDOG=1"]) }

    /// Replaces the unit's WatchdogSec= and feeds the watchdog in the same step.
    ///
    /// - Parameter microseconds: From now on; 0 switches the watchdog off (systemd 252, `service_start_watchdog`).
    /// - Returns: Whether the message was sent.
    @discardableResult
    package static func watchdog(within microseconds: UInt64) -> Bool {
        // Both lines go in one datagram. Apart, systemd could look at the old feed with the new interval and fire.
        send(["WATCHDOG=1", "WATCHDOG_USEC=\(microseconds)"])
    }

    /// The service reads its configuration again; `ready()` ends it.
    @discardableResult
    package static func reloading() -> Bool { send(["RELOADING=1"]) }

    /// The service is on its way down.
    @discardableResult
    package static func stopping(status: String? = nil) -> Bool { send(["STOPPING=1"] + statusLine(status)) }

    /// Another process is the service's main one now.
    @discardableResult
    package static func mainPID(_ pid: Int32) -> Bool { send(["MAINPID=\(pid)"]) }

    /// How often systemd wants to hear `watchdog()`, in microseconds; `nil` when it does not watch this process.
    ///
    /// sd_watchdog_enabled(3) advises to call at half of it.
    package static var watchdogInterval: UInt64? {
        var interval: UInt64 = 0
        return sd_watchdog_enabled(0, &interval) > 0 ? interval : nil
    }

    private static func statusLine(_ text: String?) -> [String] {
        guard let text else { return [] }
        // A line break would end the assignment and start another one of the text's choosing.
        return ["STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined()]
    }

    private static func send(_ lines: [String]) -> Bool {
        // A negative answer means that the manager is gone or its queue is full; nothing could be done about either.
        sd_notify(0, lines.joined(separator: "\n")) > 0
    }
}
