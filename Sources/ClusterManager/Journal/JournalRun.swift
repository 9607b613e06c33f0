// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Prints journals as they come from the cluster.
struct JournalRun {
    let form: JournalForm
    let isRaw: Bool
    let context: CommandContext

    /// How long to wait before a lost stream is asked for again; twice as long after each failure.
    private static let pauses: (first: Duration, longest: Duration) = (.milliseconds(100), .seconds(2))

    /// Asks for the journals and prints them to their end, or for ever where the query follows.
    ///
    /// A stream that is followed and breaks is asked for again, from where it was: whoever follows does not care which agent
    /// passes the entries on.
    ///
    /// - Throws: `ClusterManagerError`; of code `partial`, without words, when a machine could not be asked.
    func run(_ query: FleetJournalQuery) async throws {
        var query = query
        var progress = JournalProgress()
        var pause = Self.pauses.first
        while true {
            do {
                if let past = progress.past(of: query) {
                    try await write(past, &progress)
                    progress.hasCaughtUp = true
                    progress.goOn(&query)
                }
                // Whoever reads may have gone meanwhile.
                if context.console.output.failure() == nil { try await write(query, &progress) }
                break
            } catch let error as ClusterManagerError {
                guard query.follow, error.isTransient, progress.hasBegun else { throw error }
                if !progress.isLost { context.warn("the journal broke off (\(error.inBrief)); asking again") }
                progress.isLost = true
                progress.goOn(&query)
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.pauses.longest)
        }
        if !progress.hasEntries, progress.isComplete { context.warn("no entries") }
        if !progress.isComplete { throw ClusterManagerError(.partial, "") }
    }

    private func write(_ query: FleetJournalQuery, _ progress: inout JournalProgress) async throws {
        let stream: AsyncThrowingStream<[FleetJournalItem], any Error>
        do {
            stream = try await context.fleet.journal(query)
        } catch let error as ClusterManagerError where error.code == .unit {
            // The units are known, so it is the path that is not.
            throw ClusterManagerError(
                .refused, "the server at the endpoint gives no journals (\(error.message)); --ssh reads them by ssh")
        }
        progress.hasBegun = true
        for try await items in stream {
            progress.isLost = false
            var text = ""
            for item in items {
                switch item {
                case .entry(let entry):
                    guard progress.isNew(entry) else { continue }
                    text += form.text(entry, isRaw: isRaw, hasColours: context.console.output.hasColours)
                case .notice(let notice, let machine):
                    progress.isComplete = false
                    tell(notice, of: machine, after: &text, progress)
                case .delay(let notice, let machine): tell(notice, of: machine, after: &text, progress)
                case .began(let time): progress.begin(at: time)
                case .caughtUp: progress.hasCaughtUp = true
                }
            }
            flush(&text)
            // Whoever follows would else go on for nobody; the program tells why.
            if context.console.output.failure() != nil { return }
        }
    }

    private func tell(_ notice: String, of machine: String?, after text: inout String, _ progress: JournalProgress) {
        // What was printed before stands before it, also where both streams are one terminal.
        flush(&text)
        context.warn((machine.map { "machine \(progress.label(of: $0)) " } ?? "") + notice)
    }

    private func flush(_ text: inout String) {
        if !text.isEmpty { context.console.output.write(text) }
        text = ""
    }

    /// The units that the arguments mean, each once, all of them known to the cluster.
    static func units(_ arguments: [String], in fleet: any FleetService) async throws -> [UnitName] {
        let arguments = arguments.map(UnitArgument.init)
        let all = arguments.contains(where: \.isPattern) ? try await fleet.units().map(\.name) : []
        var names: [UnitName] = []
        for argument in arguments {
            let meant: [UnitName]
            if argument.isPattern {
                meant = try argument.matches(all, for: "journal") { $0.isTemplate ? "is a template" : nil }
            } else {
                meant = [try await fleet.existingUnit(called: try argument.name()).name]
            }
            names += meant.filter { !names.contains($0) }
        }
        return names
    }
}

/// How far a run has come, over all streams that it has read.
private struct JournalProgress {
    var hasEntries = false
    var isComplete = true
    /// Whether a stream was given at all: who is refused the first one is not asked again.
    var hasBegun = false
    /// Whether the stream is lost and nothing has come since.
    var isLost = false
    /// Whether all that was there has been told.
    var hasCaughtUp = false
    /// When the first server that was asked began to listen, by its clock; `nil` from one that does not say.
    private var began: Int64?
    /// The earliest time of an entry that was printed.
    private var oldest: Int64?
    /// The latest entry's time, and the times of those that this stream printed: in microseconds since 1970.
    private var latest: Int64?
    private var printed: [String: Int64] = [:]
    /// What the streams before this one printed.
    private var former: [String: Int64] = [:]

    /// Names of machines, as their entries say them.
    private var hosts: [String: String] = [:]

    /// How far behind the latest entry a machine's may still come that was slower, in microseconds.
    private static let overlap: Int64 = 5_000_000
    /// From how many on old ones are forgotten.
    private static let limit = 4096

    /// Takes note of when a server began to listen; what counts is the first.
    mutating func begin(at time: Int64) { began = began ?? time }

    /// How a notice names a machine: `worker-2 (19feb34b)` once an entry has said its name.
    func label(of machine: String) -> String {
        hosts[machine].map { FleetMachine.label(id: machine, name: $0) } ?? FleetView.short(machine)
    }

    /// Whether the entry has not been printed yet; it then counts as printed.
    mutating func isNew(_ entry: FleetJournalEntry) -> Bool {
        if !entry.host.isEmpty { hosts[entry.machine] = entry.host }
        let key = "\(entry.machine) \(entry.cursor.isEmpty ? "\(entry.time) \(entry.message)" : entry.cursor)"
        guard former[key] == nil else { return false }
        hasEntries = true
        printed[key] = entry.time
        oldest = min(oldest ?? entry.time, entry.time)
        latest = max(latest ?? entry.time, entry.time)
        if printed.count > Self.limit, let latest { printed = printed.filter { $0.value >= latest - Self.overlap } }
        return true
    }

    /// What the query asks for of the time before the first server began to listen, when its stream broke off before it told any
    /// of that; `nil` in all other cases, and where no server has said when it began.
    ///
    /// Asked as it was, it would count among the latest what has been written since.
    func past(of query: FleetJournalQuery) -> FleetJournalQuery? {
        guard let began, let lines = query.lines, lines > 0 else { return nil }
        var past = query
        past.follow = false
        past.until = min(query.until ?? began, began)
        return past
    }

    /// Makes the query go on where it was, and from nothing older than what it asked for.
    ///
    /// Before the first entry that is when the first server began to listen. It stays as it was where entries of before are still
    /// to come, and when no server has said when it began.
    mutating func goOn(_ query: inout FleetJournalQuery) {
        let earliest = earliest(of: query)
        guard let from = latest.map({ $0 - Self.overlap }) ?? earliest else { return }
        former.merge(printed) { _, new in new }
        former = former.filter { $0.value >= from }
        printed = [:]
        query.lines = nil
        query.since = max(query.since ?? 0, earliest ?? 0, from)
    }

    /// The time before which the query wants nothing more; `nil` where it wants all, or that is not known yet.
    private func earliest(of query: FleetJournalQuery) -> Int64? {
        guard let lines = query.lines else { return nil }
        if lines == 0 { return began ?? oldest }
        return oldest ?? (hasCaughtUp ? began : nil)
    }
}
