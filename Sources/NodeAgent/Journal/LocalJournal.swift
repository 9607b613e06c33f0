// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Synchronization
import Systemd

/// This machine's own journal.
final class LocalJournal: JournalSource {
    /// Each reading has a thread and open files; more at once are refused.
    static let limit = 64

    private let machine: MachineID
    private let isUser: Bool
    private let place: JournalPlace
    private let readings = Mutex(0)

    /// - Parameters:
    ///   - machine: This machine, for the entries.
    ///   - isUser: Whether units run under a user's manager.
    ///   - place: Where the journal is.
    init(machine: MachineID, isUser: Bool, place: JournalPlace = .local) {
        self.machine = machine
        self.isUser = isUser
        self.place = place
    }

    func items(_ query: API.JournalQuery) async throws -> AsyncThrowingStream<[API.JournalItem], any Error> {
        let reading = try Reading(self, query)
        return AsyncThrowingStream { try await reading.next() }
    }

    /// One reader, counted for as long as it exists.
    private final class Reading: Sendable {
        private let journal: LocalJournal
        private let reader: JournalReader
        private let hasCaughtUp = Mutex(false)
        /// What comes before any entry; `nil` once it is told.
        private let opening: Mutex<API.JournalItem?>

        init(_ journal: LocalJournal, _ query: API.JournalQuery) throws(SystemdError) {
            // Before the reader looks for the journal's end: what is written between the two is not to be missed later.
            let began = API.JournalItem.began(Int64(Date().timeIntervalSince1970 * 1_000_000))
            opening = Mutex(query.follow ? began : nil)
            let isAllowed = journal.readings.withLock { count in
                guard count < LocalJournal.limit else { return false }
                count += 1
                return true
            }
            guard isAllowed else {
                throw SystemdError(
                    code: .limitExceeded,
                    message: "\(LocalJournal.limit) readers of the machine's journal are at work; try again later",
                    isTransient: true)
            }
            do {
                reader = try JournalReader(
                    Systemd.JournalQuery(
                        units: query.units, lines: query.lines, since: query.since.map(UInt64.init(clamping:)),
                        until: query.until.map(UInt64.init(clamping:)), follow: query.follow, isUser: journal.isUser),
                    in: journal.place)
            } catch {
                journal.readings.withLock { $0 -= 1 }
                throw error
            }
            self.journal = journal
        }

        deinit { journal.readings.withLock { $0 -= 1 } }

        func next() async throws -> [API.JournalItem]? {
            if let opening = opening.withLock({ $0.take() }) { return [opening] }
            guard let batch = try await reader.next() else { return nil }
            var items = batch.entries.map { API.JournalItem.entry(API.JournalEntry($0, machine: journal.machine)) }
            let isFirst = hasCaughtUp.withLock { told in
                defer { told = told || batch.isCaughtUp }
                return batch.isCaughtUp && !told
            }
            if isFirst { items.append(.caughtUp) }
            return items
        }
    }
}

extension API.JournalEntry {
    init(_ entry: Systemd.JournalEntry, machine: MachineID) {
        self.init(
            time: Int64(clamping: entry.time), machine: machine.rawValue, host: entry.host.isEmpty ? nil : entry.host,
            unit: entry.unit, priority: entry.priority.map(Int.init),
            identifier: entry.identifier.isEmpty ? nil : entry.identifier, pid: entry.pid, message: entry.message,
            cut: entry.isCut ? true : nil, cursor: entry.cursor)
    }
}
