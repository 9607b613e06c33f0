// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What is wanted of a journal.
package struct JournalQuery: Hashable, Sendable {
    /// Whole names of units; an entry that is about any of them is wanted.
    package var units: [String]
    /// How many of the latest entries to begin with; `nil` for all.
    package var lines: Int?
    /// Earliest and latest moment, both included: microseconds since 1970 by the machine's clock.
    package var since: UInt64?
    package var until: UInt64?
    /// Whether to go on with entries as they are written, until `until` if that is given.
    package var follow: Bool
    /// Whether the units are those of users' managers rather than the system's.
    package var isUser: Bool

    package init(
        units: [String], lines: Int? = nil, since: UInt64? = nil, until: UInt64? = nil, follow: Bool = false,
        isUser: Bool = false
    ) {
        self.units = units
        self.lines = lines
        self.since = since
        self.until = until
        self.follow = follow
        self.isUser = isUser
    }

    /// Groups of matches, of which one must hold.
    ///
    /// Within a group, matches of one field are alternatives and those of different fields must all hold, as
    /// sd_journal_add_match(3) takes them. Beside what a unit's processes write, these are what the manager says of the
    /// unit, what other privileged programs say of it, and its core dumps: what `journalctl --unit` shows.
    var matches: [[String]] {
        func any(_ field: String) -> [String] { units.map { "\(field)=\($0)" } }
        if isUser {
            return [
                any("_SYSTEMD_USER_UNIT"), any("USER_UNIT"), any("OBJECT_SYSTEMD_USER_UNIT") + ["_UID=0"],
                any("COREDUMP_USER_UNIT") + ["_UID=0", Self.coreDump],
            ]
        }
        var groups = [
            any("_SYSTEMD_UNIT"), any("UNIT") + ["_PID=1"], any("OBJECT_SYSTEMD_UNIT") + ["_UID=0"],
            any("COREDUMP_UNIT") + ["_UID=0", Self.coreDump],
        ]
        let slices = units.filter { $0.hasSuffix(".slice") }
        if !slices.isEmpty { groups.append(slices.map { "_SYSTEMD_SLICE=\($0)" }) }
        return groups
    }

    /// The fields that name the unit an entry is about, the most telling first.
    var unitFields: [String] {
        isUser
            ? ["_SYSTEMD_USER_UNIT", "USER_UNIT", "OBJECT_SYSTEMD_USER_UNIT", "COREDUMP_USER_UNIT"]
            : ["_SYSTEMD_UNIT", "UNIT", "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "_SYSTEMD_SLICE"]
    }

    /// SD_MESSAGE_COREDUMP of sd-messages.h.
    private static let coreDump = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1"
}

/// Where a journal is.
package enum JournalPlace: Hashable, Sendable {
    /// This machine's own, persistent and volatile.
    case local
    /// Both of the machine whose file system begins at this folder.
    case root(String)
}

/// One entry of a journal.
package struct JournalEntry: Hashable, Sendable {
    /// When the journal received it: microseconds since 1970 by the machine's clock.
    package var time: UInt64
    /// Which of the wanted units it is about.
    package var unit: String
    /// 0 (emergency) to 7 (debug), as syslog(3) counts; `nil` where the writer gave none.
    package var priority: UInt8?
    /// The writer's name for itself, else that of its program.
    package var identifier: String
    package var pid: Int32?
    /// Name that the machine had.
    package var host: String
    /// What is no UTF-8 in it has been replaced.
    package var message: String
    /// The message was longer than `JournalReader.fieldLimit` and has lost its end.
    package var isCut: Bool
    /// Names the entry's place, for the journal of its machine only.
    package var cursor: String

    package init(
        time: UInt64, unit: String, priority: UInt8? = nil, identifier: String = "", pid: Int32? = nil,
        host: String = "", message: String = "", isCut: Bool = false, cursor: String = ""
    ) {
        self.time = time
        self.unit = unit
        self.priority = priority
        self.identifier = identifier
        self.pid = pid
        self.host = host
        self.message = message
        self.isCut = isCut
        self.cursor = cursor
    }
}

/// Entries that came together, in the journal's order.
package struct JournalBatch: Hashable, Sendable {
    package var entries: [JournalEntry]
    /// All that the journal holds has now been told; what comes later was written after that.
    package var isCaughtUp: Bool

    package init(entries: [JournalEntry] = [], isCaughtUp: Bool = false) {
        self.entries = entries
        self.isCaughtUp = isCaughtUp
    }
}
