// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import Synchronization

/// Stands between the tasks that read journals and the one that merges them.
///
/// A task whose entries are not taken waits, so what piles up is bounded per journal.
final class JournalInbox: Sendable {
    /// What a reading task has to say.
    enum News: Sendable {
        case items([API.JournalItem])
        /// The journal has answered the query.
        case ended
        /// The journal cannot be read; `retries` says whether its task tries again.
        case failed(String, retries: Bool)
    }

    struct Content: Sendable {
        var news: [(source: Int, news: News)] = []
        /// The cluster as it is now, if it has changed.
        var cluster: ClusterState?
        /// A sentence for the client.
        var notices: [String] = []
        var isSignOfLifeDue = false
        var isClosed = false

        var isEmpty: Bool { news.isEmpty && cluster == nil && notices.isEmpty && !isSignOfLifeDue && !isClosed }
    }

    /// So many entries of one journal may wait.
    private static let room = 512

    private struct State {
        var content = Content()
        /// Entries of each journal that nobody has written to the client yet.
        var waiting: [Int: Int] = [:]
        var rooms: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() { (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    // MARK: The readers' side

    /// Signals whenever there may be room for more of a journal; one task listens.
    func rooms(for source: Int) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.rooms[source] = continuation }
        return stream
    }

    /// Waits until more of a journal may come; `false` when the task is cancelled.
    func waitForRoom(for source: Int, _ rooms: AsyncStream<Void>) async -> Bool {
        var iterator = rooms.makeAsyncIterator()
        while state.withLock({ $0.waiting[source, default: 0] >= Self.room }) {
            guard await iterator.next() != nil else { return false }
        }
        return true
    }

    func put(_ news: News, from source: Int) {
        state.withLock { state in
            state.content.news.append((source, news))
            if case .items(let items) = news { state.waiting[source, default: 0] += items.count }
        }
        signal.yield()
    }

    func put(_ cluster: ClusterState) {
        state.withLock { $0.content.cluster = cluster }
        signal.yield()
    }

    func put(notice: String) {
        state.withLock { $0.content.notices.append(notice) }
        signal.yield()
    }

    func remindOfLife() {
        state.withLock { $0.content.isSignOfLifeDue = true }
        signal.yield()
    }

    func close() {
        state.withLock { $0.content.isClosed = true }
        signal.yield()
    }

    // MARK: The merging side

    /// Takes what is there, without waiting.
    func take() -> Content {
        state.withLock { state in
            let taken = state.content
            state.content = Content()
            state.content.isClosed = taken.isClosed
            return taken
        }
    }

    /// Waits until there may be something; `nil` when the task is cancelled.
    func wait() async -> Void? {
        var iterator = signals.makeAsyncIterator()
        if state.withLock({ !$0.content.isEmpty }) { return () }
        return await iterator.next()
    }

    /// Ends a `wait()` although nothing came.
    func ring() { signal.yield() }

    /// Makes room: so many entries of the journal wait with whoever merges.
    func setWaiting(_ count: Int, of source: Int) {
        let room = state.withLock { state in
            let queued = state.content.news.reduce(0) { sum, piece in
                guard piece.source == source, case .items(let items) = piece.news else { return sum }
                return sum + items.count
            }
            state.waiting[source] = count + queued
            return count + queued < Self.room ? state.rooms[source] : nil
        }
        room?.yield()
    }
}
