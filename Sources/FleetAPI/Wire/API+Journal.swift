// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension API {
    /// The type of a journal's answer: one JSON object a line; empty lines keep the connection open.
    package static let journalType = "application/x-ndjson"

    /// When the server began to listen for who follows: microseconds since 1970 by its clock.
    ///
    /// In the answer's head, since a client of an older version would take a line of a new kind for a broken entry.
    package static let journalBeganHeader = "Flotilla-Journal-Began"

    /// The most entries that `lines` may ask for; whoever wants more asks by time.
    package static let journalLineLimit = 10_000

    /// What is asked of journals, as the query of a request.
    package struct JournalQuery: Hashable, Sendable {
        /// Whole names of units, at least one.
        package var units: [String]
        /// How many of the latest entries to begin with, over all units and machines; `nil` for all.
        package var lines: Int?
        /// Earliest and latest moment, both included: microseconds since 1970 by the machines' clocks.
        package var since: Int64?
        package var until: Int64?
        /// Whether to go on with what is written from now on.
        package var follow: Bool
        /// Ids of the machines to ask; none for those where the units are.
        package var machines: [String]

        package init(
            units: [String], lines: Int? = nil, since: Int64? = nil, until: Int64? = nil, follow: Bool = false,
            machines: [String] = []
        ) {
            self.units = units
            self.lines = lines
            self.since = since
            self.until = until
            self.follow = follow
            self.machines = machines
        }

        /// Name and value of each parameter, in order, not yet encoded.
        package var parameters: [(String, String)] {
            var parameters = units.map { ("unit", $0) } + machines.map { ("machine", $0) }
            if let lines { parameters.append(("lines", String(lines))) }
            if let since { parameters.append(("since", String(since))) }
            if let until { parameters.append(("until", String(until))) }
            if follow { parameters.append(("follow", "true")) }
            return parameters
        }
    }

    /// One entry of a machine's journal.
    package struct JournalEntry: Codable, Hashable, Sendable {
        /// When the journal received it: microseconds since 1970 by the machine's clock.
        package var time: Int64
        /// Id of the machine whose journal it is from.
        package var machine: String
        /// Name that the machine had.
        package var host: String?
        /// Which of the units asked for it is about.
        package var unit: String
        /// 0 (emergency) to 7 (debug), as syslog counts.
        package var priority: Int?
        package var identifier: String?
        package var pid: Int32?
        package var message: String
        /// The message was longer than 64 KiB and has lost its end.
        package var cut: Bool?
        /// Names the entry's place in the journal of its machine.
        package var cursor: String

        package init(
            time: Int64, machine: String, host: String? = nil, unit: String, priority: Int? = nil,
            identifier: String? = nil, pid: Int32? = nil, message: String, cut: Bool? = nil, cursor: String = ""
        ) {
            self.time = time
            self.machine = machine
            self.host = host
            self.unit = unit
            self.priority = priority
            self.identifier = identifier
            self.pid = pid
            self.message = message
            self.cut = cut
            self.cursor = cursor
        }
    }

    /// What the reader has to know beside the entries: above all, which machine could not be asked, and why.
    package struct JournalNotice: Codable, Hashable, Sendable {
        package var notice: String
        /// Id of the machine that it is about.
        package var machine: String?
        /// Whether nothing is missing for it yet: it tells of a delay.
        package var passing: Bool?

        package init(_ notice: String, machine: String? = nil, passing: Bool? = nil) {
            self.notice = notice
            self.machine = machine
            self.passing = passing
        }
    }

    /// One line of a journal's answer, or what its head says.
    package enum JournalItem: Hashable, Sendable {
        /// When it began to be listened for what is written, as `journalBeganHeader` says; only where `follow` was asked for.
        ///
        /// Whoever is broken off before the first entry asks from there.
        case began(Int64)
        case entry(JournalEntry)
        case notice(JournalNotice)
        /// All that was there when the question came has been told; only where `follow` was asked for.
        case caughtUp
    }
}

extension API.JournalItem: Codable {
    private enum Mark: String, CodingKey {
        case began
        case notice
        case caughtUp
    }

    package init(from decoder: any Decoder) throws {
        let mark = try decoder.container(keyedBy: Mark.self)
        if mark.contains(.notice) {
            self = .notice(try API.JournalNotice(from: decoder))
        } else if mark.contains(.caughtUp) {
            self = .caughtUp
        } else if mark.contains(.began) {
            self = .began(try mark.decode(Int64.self, forKey: .began))
        } else {
            self = .entry(try API.JournalEntry(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .began(let time):
            var mark = encoder.container(keyedBy: Mark.self)
            try mark.encode(time, forKey: .began)
        case .entry(let entry): try entry.encode(to: encoder)
        case .notice(let notice): try notice.encode(to: encoder)
        case .caughtUp:
            var mark = encoder.container(keyedBy: Mark.self)
            try mark.encode(true, forKey: .caughtUp)
        }
    }
}
