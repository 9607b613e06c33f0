// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What is asked of the machines' journals.
package struct FleetJournalQuery: Hashable, Sendable {
    package var units: [UnitName]
    /// How many of the latest entries to begin with; `nil` for all.
    package var lines: Int?
    /// Earliest and latest moment, in microseconds since 1970.
    package var since: Int64?
    package var until: Int64?
    /// Whether to go on with what is written from now on.
    package var follow: Bool
    /// Ids of the machines to ask; none for those where the units are.
    package var machines: [String]

    package init(
        units: [UnitName], lines: Int? = nil, since: Int64? = nil, until: Int64? = nil, follow: Bool = false,
        machines: [String] = []
    ) {
        self.units = units
        self.lines = lines
        self.since = since
        self.until = until
        self.follow = follow
        self.machines = machines
    }
}

/// One entry of a machine's journal.
package struct FleetJournalEntry: Hashable, Sendable {
    /// Microseconds since 1970 by the machine's clock.
    package var time: Int64
    package var machine: String
    /// The machine's name; empty when unknown.
    package var host: String
    package var unit: String
    /// 0 (emergency) to 7 (debug); `nil` where the writer gave none.
    package var priority: Int?
    package var identifier: String
    package var pid: Int32?
    package var message: String
    /// The message was too long and has lost its end.
    package var isCut: Bool
    package var cursor: String

    package init(
        time: Int64, machine: String, host: String = "", unit: String, priority: Int? = nil, identifier: String = "",
        pid: Int32? = nil, message: String, isCut: Bool = false, cursor: String = ""
    ) {
        self.time = time
        self.machine = machine
        self.host = host
        self.unit = unit
        self.priority = priority
        self.identifier = identifier
        self.pid = pid
        self.message = message
        self.isCut = isCut
        self.cursor = cursor
    }
}

/// What comes of a question for journals.
package enum FleetJournalItem: Hashable, Sendable {
    /// When the server began to listen for what is written: microseconds since 1970 by its clock.
    case began(Int64)
    case entry(FleetJournalEntry)
    /// Something that the reader has to know, as a rule about a machine that cannot be asked.
    case notice(String, machine: String?)
    /// A machine lets the reader wait, and may still tell all that it holds.
    case delay(String, machine: String?)
    /// All that was there has been told; what comes is being written.
    case caughtUp
}
