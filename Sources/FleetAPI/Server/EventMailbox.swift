// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Hands updates from whoever follows the cluster to the one task that writes them to a client.
///
/// A client that reads slowly must neither hold up the follower nor make us store without bound. So updates that wait are
/// merged into one, and when the merged one names more changes than a client can be expected to catch up with, the mailbox
/// closes: the client connects again and takes a snapshot.
final class EventMailbox: Sendable {
    /// What the writing task finds when it looks.
    struct Content: Sendable {
        var update: ClusterUpdate?
        var isKeepAliveDue = false
        var isClosed = false
    }

    private let limit: Int
    private let content = Mutex(Content())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    /// - Parameter limit: How many changes may wait.
    init(limit: Int = 100_000) {
        self.limit = limit
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func put(_ update: ClusterUpdate) {
        content.withLock { content in
            guard !content.isClosed else { return }
            let merged = content.update.map(update.merged) ?? update
            content.update = merged
            if merged.changes.count > limit { content.isClosed = true }
        }
        signal.yield()
    }

    func remindToKeepAlive() {
        content.withLock { $0.isKeepAliveDue = true }
        signal.yield()
    }

    /// Lets the reader take what waits, and then nothing more.
    func close() {
        content.withLock { $0.isClosed = true }
        signal.yield()
    }

    /// Waits until there is something and takes it; `nil` once closed and empty, or when the task is cancelled.
    func take() async -> Content? {
        var iterator = signals.makeAsyncIterator()
        while true {
            let taken = content.withLock { content in
                let taken = content
                content.update = nil
                content.isKeepAliveDue = false
                return taken
            }
            if taken.update != nil || taken.isKeepAliveDue { return taken }
            if taken.isClosed { return nil }
            guard await iterator.next() != nil else { return nil }
        }
    }
}
