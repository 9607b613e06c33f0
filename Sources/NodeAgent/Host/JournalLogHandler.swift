// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Logging
import Systemd
import Terminal

/// Writes log lines to standard error, with the priority prefixes that journald takes off again.
///
/// A line is `<6>message key=value ...`; on a terminal the prefix is a word instead. Where standard error leads to the journal
/// the line goes there straight away, with the values as fields.
package struct JournalLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level

    private let isJournal = JournalWriter.isConnected
    private let isTerminal = isatty(STDERR_FILENO) == 1

    package init(label: String, level: Logger.Level) { logLevel = level }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
        let text = Self.text(event.message.description, fields)
        if isJournal, send(text, event.level, fields) { return }
        let line = (isTerminal ? "\(event.level): " : "<\(event.level.priority)>") + text + "\n"
        // One write, so that lines of several threads do not mix.
        let bytes = Array(line.utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Message and values as one line, in which nothing from elsewhere tells a terminal what to do, be it journalctl's.
    static func text(_ message: String, _ fields: [(key: String, value: Logger.MetadataValue)]) -> String {
        var text = message
        for (key, value) in fields { text += " \(key)=\(quoted("\(value)"))" }
        return Printable.line(text)
    }

    /// Hands the line to the journal with each of its values as a field, for `journalctl FLOTILLA_AUDIT_USER=user:ada`.
    private func send(_ text: String, _ level: Logger.Level, _ fields: [(key: String, value: Logger.MetadataValue)])
        -> Bool
    {
        var entry = [
            (name: "MESSAGE", value: text), (name: "PRIORITY", value: String(level.priority)),
            (name: "SYSLOG_IDENTIFIER", value: "node-agent"),
        ]
        for (key, value) in fields {
            let name = String(key.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 })
            entry.append((name: "FLOTILLA_\(name)", value: "\(value)"))
        }
        return JournalWriter.send(entry)
    }

    /// Values with blanks stand in quotes, and never break the line.
    private static func quoted(_ value: String) -> String {
        let oneLine = String(value.map { $0.isNewline ? " " : $0 })
        return oneLine.contains(" ") ? "\"\(oneLine)\"" : oneLine
    }
}

extension Logger.Level {
    /// The syslog priority, as sd-daemon(3) counts.
    fileprivate var priority: Int {
        switch self {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}
