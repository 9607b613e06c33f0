// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// A journal that is open, on the one thread that may use it (sd-journal(3): no two threads at a time).
final class OpenJournal {
    private let journal: OpaquePointer
    private let query: JournalQuery
    /// The journal stands at an entry that has not been told yet.
    private var isAtNews = false

    /// Opens the journal and goes to the first wanted entry.
    init(_ query: JournalQuery, _ place: JournalPlace) throws(SystemdError) {
        self.query = query
        var opened: OpaquePointer?
        let result =
            switch place {
            case .local: sd_journal_open(&opened, Int32(SD_JOURNAL_LOCAL_ONLY))
            case .root(let folder): sd_journal_open_directory(&opened, folder, Int32(SD_JOURNAL_OS_ROOT))
            }
        guard result >= 0, let opened else { throw SystemdError(errno: result, subject: "cannot open the journal") }
        journal = opened
        try prepare(place)
    }

    private func prepare(_ place: JournalPlace) throws(SystemdError) {
        if place == .local, sd_journal_has_runtime_files(journal) <= 0, sd_journal_has_persistent_files(journal) <= 0 {
            throw SystemdError(
                code: .fileNotFound,
                message: "there is no journal in /run/log/journal or /var/log/journal that this process may read; is "
                    + "systemd-journald running?")
        }
        // A field beyond this is cut, not loaded: an entry can hold gigabytes.
        try Self.check(sd_journal_set_data_threshold(journal, JournalReader.fieldLimit), "bound its fields")
        for (index, group) in query.matches.enumerated() {
            if index > 0 { try Self.check(sd_journal_add_disjunction(journal), "filter it") }
            for match in group {
                try Self.check(sd_journal_add_match(journal, match, match.utf8.count), "filter it by \(match)")
            }
        }
        // Before anything is read: what is written from here on shows at the descriptor.
        if query.follow { try Self.check(sd_journal_get_fd(journal), "watch it") }
        try seek()
    }

    deinit { sd_journal_close(journal) }

    private static func check(_ result: Int32, _ what: String) throws(SystemdError) {
        guard result >= 0 else { throw SystemdError(errno: result, subject: "cannot read the journal (\(what))") }
    }

    private func seek() throws(SystemdError) {
        guard let lines = query.lines else {
            if let since = query.since {
                return try Self.check(sd_journal_seek_realtime_usec(journal, since), "go to a time")
            }
            return try Self.check(sd_journal_seek_head(journal), "go to its beginning")
        }
        if let until = query.until {
            // What comes before the place behind `until` is `until` itself, and what is older.
            let (behind, overflow) = until.addingReportingOverflow(1)
            let result = overflow ? sd_journal_seek_tail(journal) : sd_journal_seek_realtime_usec(journal, behind)
            try Self.check(result, "go to a time")
        } else {
            try Self.check(sd_journal_seek_tail(journal), "go to its end")
        }
        let skipped = sd_journal_previous_skip(journal, UInt64(max(lines, 1)))
        try Self.check(skipped, "go back from its end")
        if skipped == 0 {
            // Nothing is wanted yet, so whatever comes is new.
            return try Self.check(sd_journal_seek_head(journal), "go to its beginning")
        }
        isAtNews = lines > 0
        if isAtNews, let since = query.since, let time = time(), time < since {
            isAtNews = false
            try Self.check(sd_journal_seek_realtime_usec(journal, since), "go to a time")
        }
    }

    /// What is found at the next place.
    enum Step {
        case entry(JournalEntry)
        /// An entry that is unreadable, as after a crash, or not wanted after all.
        case nothing
        /// No entry is left, for now.
        case atEnd
        /// No entry that is wanted can come any more.
        case finished
    }

    /// Goes on to the next entry and reads it.
    func step() throws(SystemdError) -> Step {
        if isAtNews {
            isAtNews = false
        } else {
            let result = sd_journal_next(journal)
            try Self.check(result, "go on")
            if result == 0 { return .atEnd }
        }
        guard let time = time() else { return .nothing }
        if let until = query.until, time > until { return .finished }
        // A seek by time may end before it where clocks were set back.
        if let since = query.since, time < since { return .nothing }
        return read(at: time).map(Step.entry) ?? .nothing
    }

    private func time() -> UInt64? {
        var time: UInt64 = 0
        return sd_journal_get_realtime_usec(journal, &time) >= 0 ? time : nil
    }

    private func read(at time: UInt64) -> JournalEntry? {
        let unit = query.unitFields.lazy.compactMap { self.text($0) }.first(where: query.units.contains)
        guard let unit else { return nil }
        var entry = JournalEntry(time: time, unit: unit)
        if let (bytes, isCut) = field("MESSAGE") {
            entry.message = String(decoding: bytes, as: UTF8.self)
            entry.isCut = isCut
        }
        entry.priority = text("PRIORITY").flatMap { UInt8($0) }.flatMap { $0 <= 7 ? $0 : nil }
        entry.identifier = text("SYSLOG_IDENTIFIER") ?? text("_COMM") ?? ""
        entry.pid = (text("_PID") ?? text("SYSLOG_PID")).flatMap { Int32($0) }
        entry.host = text("_HOSTNAME") ?? ""
        var cursor: UnsafeMutablePointer<CChar>?
        if sd_journal_get_cursor(journal, &cursor) >= 0, let cursor {
            entry.cursor = String(cString: cursor)
            free(cursor)
        }
        return entry
    }

    private func text(_ name: String) -> String? { field(name).map { String(decoding: $0.bytes, as: UTF8.self) } }

    /// The value of a field; its bytes live until the next look at the journal.
    private func field(_ name: String) -> (bytes: UnsafeRawBufferPointer, isCut: Bool)? {
        var data: UnsafeRawPointer?
        var length = 0
        guard sd_journal_get_data(journal, name, &data, &length) >= 0, let data else { return nil }
        let prefix = name.utf8.count + 1
        guard length >= prefix else { return nil }
        let whole = UnsafeRawBufferPointer(start: data, count: min(length, JournalReader.fieldLimit))
        return (UnsafeRawBufferPointer(rebasing: whole[prefix...]), length >= JournalReader.fieldLimit)
    }

    /// Waits until the journal may have changed or `wake` has been written to.
    func wait(wake: Int32) throws(SystemdError) {
        let descriptor = sd_journal_get_fd(journal)
        try Self.check(descriptor, "watch it")
        var timeout: UInt64 = 0
        try Self.check(sd_journal_get_timeout(journal, &timeout), "watch it")
        var milliseconds: Int32 = -1
        if timeout != UInt64.max {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            let passed = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
            milliseconds = timeout > passed ? Int32(min((timeout - passed) / 1000 + 1, 60_000)) : 0
        }
        var polled = [
            pollfd(fd: descriptor, events: Int16(sd_journal_get_events(journal)), revents: 0),
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        ]
        // Interrupted or not, what happened is looked at next.
        _ = poll(&polled, 2, milliseconds)
        // Files that were rotated or vacuumed are let go of here, and new ones taken in.
        try Self.check(sd_journal_process(journal), "watch it")
    }
}
