// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Synchronization

/// The tasks that read a client's journals, one each.
final class JournalPumps: Sendable {
    private let query: API.JournalQuery
    private let inbox: JournalInbox
    private let times: JournalFeed.Times
    /// When the client came, by this machine's clock.
    private let start: Int64
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(_ query: API.JournalQuery, _ inbox: JournalInbox, _ times: JournalFeed.Times, start: Int64) {
        self.query = query
        self.inbox = inbox
        self.times = times
        self.start = start
    }

    func stop() { tasks.withLock { for task in $0 { task.cancel() } } }

    /// Starts to read journal number `index`.
    ///
    /// One that comes in later, since a unit has moved to its machine, is read from the moment the client came.
    func start(_ index: Int, _ source: any JournalSource, isFirst: Bool) {
        var query = query
        query.machines = []
        if !isFirst {
            query.lines = nil
            query.since = max(start, query.since ?? 0)
        }
        let task = Task { [query, inbox, times, start] in
            var pump = JournalPump(index, source, query, inbox, times, began: start)
            await pump.run()
        }
        tasks.withLock { $0.append(task) }
    }
}

/// Reads one journal into the inbox; again and again where the client follows and the journal breaks off.
private struct JournalPump {
    private let index: Int
    private let source: any JournalSource
    private let inbox: JournalInbox
    private let times: JournalFeed.Times
    private let follows: Bool
    /// Whether so many of the latest entries are wanted, among which what is written from now on does not count.
    private let countsLatest: Bool
    /// What is still wanted.
    private var query: API.JournalQuery
    /// Cursors of the entries with the latest time that came; the same come again when the journal is asked from there.
    private var latest: Set<String> = []
    private var repeated: Set<String> = []
    private var isAway = false
    /// Whether it has told what it held.
    private var hasCaughtUp = false
    /// From when on nothing may be missed: by this machine's clock, until the journal's own machine has said it by its own.
    private var began: Int64
    private var hasBegun = false

    init(
        _ index: Int, _ source: any JournalSource, _ query: API.JournalQuery, _ inbox: JournalInbox,
        _ times: JournalFeed.Times, began: Int64
    ) {
        self.index = index
        self.source = source
        self.query = query
        self.inbox = inbox
        self.times = times
        follows = query.follow
        countsLatest = query.follow && (query.lines ?? 0) > 0
        self.began = began
    }

    mutating func run() async {
        var pause = times.firstRetry
        let rooms = inbox.rooms(for: index)
        while !Task.isCancelled {
            let before = query.since
            let failure = await readOn(rooms)
            if Task.isCancelled { return }
            guard let failure else { return inbox.put(.ended, from: index) }
            // The first failure in a row is told; the others would only repeat it.
            if !isAway { inbox.put(.failed(failure, retries: follows), from: index) }
            guard follows else { return }
            isAway = true
            repeated = latest
            // Asked the same again, it would leave out what has been written meanwhile.
            if query.lines == 0 { askFromBeginning() }
            if query.since != before { pause = times.firstRetry }
            do { try await Task.sleep(for: pause) } catch { return }
            pause = min(pause * 2, times.lastRetry)
        }
    }

    /// Reads what is still wanted: where older entries are, and the journal broke off before it had told all, those by themselves.
    ///
    /// Asked the same again, it would have what has been written meanwhile counted among the latest.
    ///
    /// - Returns: Why it broke off; `nil` when it has answered the query.
    private mutating func readOn(_ rooms: AsyncStream<Void>) async -> String? {
        if isAway, countsLatest, !hasCaughtUp {
            var past = query
            past.follow = false
            past.until = min(query.until ?? began, began)
            if let failure = await read(past, rooms) { return failure }
            if Task.isCancelled { return nil }
            if query.lines != nil { askFromBeginning() }
            repeated = latest
            hasCaughtUp = true
            inbox.put(.items([.caughtUp]), from: index)
        }
        return await read(query, rooms)
    }

    /// Reads until the journal ends.
    ///
    /// - Returns: Why it broke off; `nil` when it has answered the query.
    private mutating func read(_ query: API.JournalQuery, _ rooms: AsyncStream<Void>) async -> String? {
        do {
            let stream = try await source.items(query)
            var iterator = stream.makeAsyncIterator()
            while let items = try await iterator.next() {
                if isAway {
                    isAway = false
                    let text = "answers again"
                    inbox.put(.items([.notice(API.JournalNotice(text))]), from: index)
                }
                let fresh = sift(items)
                if !fresh.isEmpty { inbox.put(.items(fresh), from: index) }
                guard await inbox.waitForRoom(for: index, rooms) else { return nil }
            }
            // Only a query with an end may end.
            return follows && query.until == nil ? "its journal ended" : nil
        } catch {
            // The address and the advice in the client's message are for who has typed an address.
            let isSilent = (error as? APIError).map { Self.silent.contains($0.code) } ?? false
            return isSilent ? "its agent does not answer" : "\(error)"
        }
    }

    /// Errors of a machine whose agent gives no answer.
    private static let silent: Set<APIError.Code> = [.unreachable, .timedOut, .connectionLost]

    /// Leaves out what came before, and notes how far the journal has come.
    private mutating func sift(_ items: [API.JournalItem]) -> [API.JournalItem] {
        guard follows else { return items }
        return items.filter { item in
            switch item {
            case .notice: return true
            case .began(let time):
                if !hasBegun { began = time }
                hasBegun = true
                return false
            case .caughtUp:
                hasCaughtUp = true
                // It held nothing, so all that it tells from here on is new.
                if query.lines != nil { askFromBeginning() }
                return true
            case .entry(let entry): return isFresh(entry)
            }
        }
    }

    /// From here on it is asked for all that was written since it began to be listened to.
    private mutating func askFromBeginning() {
        query.since = max(query.since ?? 0, began)
        query.lines = nil
    }

    private mutating func isFresh(_ entry: API.JournalEntry) -> Bool {
        if repeated.contains(entry.cursor) { return false }
        if query.since.map({ entry.time > $0 }) ?? true { latest = [] }
        latest.insert(entry.cursor)
        // From here on it is asked by time, and for all that came since.
        query.since = max(query.since ?? 0, entry.time)
        query.lines = nil
        return true
    }
}
