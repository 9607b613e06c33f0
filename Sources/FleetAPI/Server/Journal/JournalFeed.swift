// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials

/// One client's journal: the entries of several machines in one order, until all are told or the client goes.
///
/// A machine that cannot be asked is named in a notice. Where the client follows, machines to which a unit moves are
/// taken in, and those that broke off are asked again from where they were.
struct JournalFeed: ReplyStream {
    /// Times that a feed keeps.
    struct Times: Sendable {
        /// Pause between the empty lines that keep the connection open.
        var signOfLife: Duration = .seconds(15)
        /// Before a journal that broke off is asked again: at first, and at most.
        var firstRetry: Duration = .seconds(1)
        var lastRetry: Duration = .seconds(30)
    }

    let query: API.JournalQuery
    let sources: JournalSources
    /// The cluster when the question came.
    let cluster: ClusterState
    /// The cluster as it changes; `nil` unless the client follows.
    let updates: AsyncThrowingStream<ClusterUpdate, any Error>?
    /// When the question came: microseconds since 1970 by this machine's clock.
    let start: Int64
    var times = Times()
    var limits = JournalMerge.Limits()
    let inbox = JournalInbox()

    func close() { inbox.close() }

    func run(write: ([UInt8]) async throws -> Void) async throws {
        let pumps = JournalPumps(query, inbox, times, start: start)
        defer { pumps.stop() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: times.signOfLife)
                    inbox.remindOfLife()
                }
            }
            if let updates {
                group.addTask {
                    do {
                        for try await update in updates { inbox.put(update.state) }
                    } catch {
                        inbox.put(notice: "units that move to other machines are no longer followed: \(error)")
                    }
                }
            }
            defer { group.cancelAll() }
            try await merge(pumps, write)
        }
    }

    private func merge(_ pumps: JournalPumps, _ write: ([UInt8]) async throws -> Void) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        func now() -> Duration { clock.now - start }
        var merge = JournalMerge(lines: query.lines, limits: limits)
        var roster = JournalRoster(query, sources)
        var toldOfCatchUp = !query.follow
        var toldOfLoss = false
        var machines: [MachineID] = []
        var lines = JournalLines()

        func takeIn(_ found: JournalRoster.Found, isFirst: Bool) {
            lines.add(found.notices)
            for (record, source) in found.sources {
                merge.addSource(at: now(), isFirst: isFirst)
                pumps.start(machines.count, source, isFirst: isFirst)
                machines.append(record.id)
            }
        }
        takeIn(roster.look(at: cluster), isFirst: true)
        while true {
            let content = inbox.take()
            if content.isClosed { return }
            for notice in content.notices { lines.add([API.JournalNotice(notice)]) }
            if let cluster = content.cluster, query.machines.isEmpty {
                takeIn(roster.look(at: cluster), isFirst: false)
            }
            for (source, news) in content.news {
                lines.add(apply(news, from: source, machines[source], to: &merge, at: now()))
            }
            for silent in merge.silent(at: now()) {
                let machine = machines[silent].rawValue
                lines.add([API.JournalNotice("does not answer yet", machine: machine, passing: true)])
            }
            for late in merge.overdue(at: now()) {
                let text = "does not answer; its entries may come late, and then out of order"
                lines.add([API.JournalNotice(text, machine: machines[late].rawValue)])
            }
            lines.add(merge.release(at: now()))
            for source in machines.indices { inbox.setWaiting(merge.count(source), of: source) }
            if merge.lost > 0, merge.isCaughtUp, !toldOfLoss {
                toldOfLoss = true
                let lost = merge.lost == 1 ? "oldest entry was" : "oldest \(merge.lost) of the entries were"
                lines.add([API.JournalNotice("the \(lost) too large to keep; ask by time")])
            }
            if !toldOfCatchUp, merge.isCaughtUp {
                toldOfCatchUp = true
                lines.addCatchUp()
            }
            if lines.isEmpty, content.isSignOfLifeDue { lines.addSignOfLife() }
            if !lines.isEmpty { try await write(try lines.take()) }
            if !query.follow, merge.isFinished { return }
            guard await waitForMore(until: merge.nextLook(), now) else { return }
        }
    }

    /// Waits for news, or until it is time to look without any; `false` when the task is cancelled.
    private func waitForMore(until look: Duration?, _ now: () -> Duration) async -> Bool {
        guard let look else { return await inbox.wait() != nil }
        let pause = look - now()
        guard pause > .zero else { return !Task.isCancelled }
        let alarm = Task { [inbox] in
            try await Task.sleep(for: pause)
            inbox.ring()
        }
        defer { alarm.cancel() }
        return await inbox.wait() != nil
    }

    private func apply(
        _ news: JournalInbox.News, from source: Int, _ machine: MachineID, to merge: inout JournalMerge,
        at now: Duration
    ) -> [API.JournalNotice] {
        var notices: [API.JournalNotice] = []
        switch news {
        case .items(let items):
            for item in items {
                switch item {
                case .entry(let entry): merge.receive(entry, from: source, at: now)
                case .notice(var notice):
                    notice.machine = notice.machine ?? machine.rawValue
                    notices.append(notice)
                case .caughtUp: merge.catchUp(source)
                // The pump goes by it, and the client has this server's own.
                case .began: break
                }
            }
        case .ended: merge.end(source)
        case .failed(let reason, let retries):
            let words = "cannot be read: \(reason)\(retries ? "; asking again" : "")"
            notices.append(API.JournalNotice(words, machine: machine.rawValue))
            // What it has shown still goes out, and nobody waits for the rest unless it decides what goes out.
            if retries { merge.resume(source) } else { merge.end(source) }
        }
        return notices
    }
}

/// The lines that are to be written next.
private struct JournalLines {
    private var items: [API.JournalItem] = []
    private var hasSignOfLife = false

    var isEmpty: Bool { items.isEmpty && !hasSignOfLife }

    mutating func add(_ entries: [API.JournalEntry]) { items += entries.map(API.JournalItem.entry) }
    mutating func add(_ notices: [API.JournalNotice]) { items += notices.map(API.JournalItem.notice) }
    mutating func addCatchUp() { items.append(.caughtUp) }
    mutating func addSignOfLife() { hasSignOfLife = true }

    mutating func take() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var bytes: [UInt8] = []
        // JSON holds no bare newline, so each object is one line.
        for item in items {
            bytes += try encoder.encode(item)
            bytes.append(0x0A)
        }
        if bytes.isEmpty { bytes = [0x0A] }
        self = JournalLines()
        return bytes
    }
}
