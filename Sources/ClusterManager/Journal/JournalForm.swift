// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Terminal

/// The forms in which `journal` prints entries: those of journalctl(1) that scripts and people use.
package enum JournalForm: String, CaseIterable, Sendable {
    case short
    case shortISO = "short-iso"
    /// The message alone.
    case cat
    /// One object a line, with journalctl's names for the fields.
    case json

    /// The text of one entry, with its newline.
    ///
    /// - Parameters:
    ///   - entry: What to print.
    ///   - isRaw: Whether control characters go out as they are; a terminal would obey them.
    ///   - hasColours: Whether the priority shows as a colour.
    /// - Returns: One line, or several for a message of several.
    package func text(_ entry: FleetJournalEntry, isRaw: Bool = false, hasColours: Bool = false) -> String {
        switch self {
        case .json: return Self.json(entry)
        case .cat:
            let message = Self.colour(Self.message(of: entry, isRaw: isRaw), entry.priority, hasColours)
            return message + "\n"
        case .short, .shortISO:
            let time = self == .short ? Self.monthAndTime(entry.time) : Self.iso(entry.time)
            let host = entry.host.isEmpty ? FleetView.short(entry.machine) : entry.host
            let writer = entry.identifier.isEmpty ? "unknown" : entry.identifier
            let head = Printable.text("\(time) \(host) \(writer)" + (entry.pid.map { "[\($0)]" } ?? "") + ": ")
            let indent = String(repeating: " ", count: head.count)
            let lines = Self.message(of: entry, isRaw: isRaw).split(separator: "\n", omittingEmptySubsequences: false)
            let coloured = lines.map { Self.colour(String($0), entry.priority, hasColours) }
            return head + coloured.joined(separator: "\n" + indent) + "\n"
        }
    }

    private static func message(of entry: FleetJournalEntry, isRaw: Bool) -> String {
        var message = entry.message[...]
        while message.last?.isNewline == true { message.removeLast() }
        let text = isRaw ? String(message) : Printable.text(message)
        return entry.isCut ? text + " [cut]" : text
    }

    private static func colour(_ text: String, _ priority: Int?, _ hasColours: Bool) -> String {
        let style: Style? =
            switch priority {
            case .some(0...3): .bad
            case 4: .pending
            case 7: .faint
            default: nil
            }
        return style?.applied(to: text, if: hasColours) ?? text
    }

    // MARK: Times

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func monthAndTime(_ time: Int64) -> String {
        let fields = JournalTime.local(time)
        let month = months[Int(max(0, min(11, fields.tm_mon)))]
        return "\(month) \(two(fields.tm_mday)) \(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec))"
    }

    /// As journalctl of Debian 12 writes it: `2026-03-09T14:30:00+0100`.
    private static func iso(_ time: Int64) -> String {
        let fields = JournalTime.local(time)
        let offset = abs(fields.tm_gmtoff) / 60
        let zone = (fields.tm_gmtoff < 0 ? "-" : "+") + two(Int32(offset / 60)) + two(Int32(offset % 60))
        return "\(fields.tm_year + 1900)-\(two(fields.tm_mon + 1))-\(two(fields.tm_mday))T"
            + "\(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec))\(zone)"
    }

    // MARK: JSON

    /// journalctl writes numbers as text too.
    private struct Fields: Encodable {
        let cursor: String
        let time: String
        let machine: String
        let host: String?
        let unit: String
        let priority: String?
        let identifier: String?
        let pid: String?
        let message: String

        private enum CodingKeys: String, CodingKey {
            case cursor = "__CURSOR"
            case time = "__REALTIME_TIMESTAMP"
            case machine = "_MACHINE_ID"
            case host = "_HOSTNAME"
            case unit = "_SYSTEMD_UNIT"
            case priority = "PRIORITY"
            case identifier = "SYSLOG_IDENTIFIER"
            case pid = "_PID"
            case message = "MESSAGE"
        }
    }

    private static func json(_ entry: FleetJournalEntry) -> String {
        let fields = Fields(
            cursor: entry.cursor, time: String(entry.time), machine: entry.machine,
            host: entry.host.isEmpty ? nil : entry.host, unit: entry.unit, priority: entry.priority.map(String.init),
            identifier: entry.identifier.isEmpty ? nil : entry.identifier, pid: entry.pid.map(String.init),
            message: entry.message)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Text alone always encodes.
        return ((try? encoder.encode(fields)).map { JSONOutput.escaped(String(decoding: $0, as: UTF8.self)) } ?? "{}")
            + "\n"
    }
}
