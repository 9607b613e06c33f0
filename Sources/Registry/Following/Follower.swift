// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Timing

/// Reads some keys at one revision and then follows every change of them from exactly that revision on.
struct Follower: Sendable {
    enum Update: Sendable {
        /// Everything there is, as of `revision`; replaces all that was known.
        case snapshot([KeyValue], revision: Int64)
        /// All changes after the last update, up to and including `revision`.
        case changes([WatchEvent], revision: Int64)
        /// The store cannot be reached: what is known grows stale.
        case disconnected(EtcdError)
        /// The store answers again; all changes made meanwhile follow.
        case reconnected
    }

    var store: any KeyValueStore
    /// What to read, part by part, so that no single answer carries everything.
    var parts: [KeySelector]
    /// What to watch: the same keys.
    var watched: KeySelector
    var firstPause: Duration
    var clockwork: any Clockwork

    static let longestPause = Duration.seconds(5)

    private struct Progress {
        /// Everything up to this revision has been handed on.
        var seen: Int64 = 0
        var needsSnapshot = true
        var isAway = false
        /// Failures in a row.
        var failures = 0
    }

    /// Follows until the task is cancelled or going on is pointless.
    ///
    /// - Throws: `.otherStore` when the store's revision went back; `.store` for an error that is not transient.
    func run(_ receive: (Update) -> Void) async throws(RegistryError) {
        var progress = Progress()
        while !Task.isCancelled {
            do {
                try await round(&progress, receive)
            } catch let error as RegistryError {
                throw error
            } catch let error as EtcdError {
                try settle(error, &progress, receive)
                if progress.failures > 1 || progress.isAway {
                    // A cancelled pause ends the loop, too.
                    try? await clockwork.sleep(for: pause(progress.failures))
                }
            } catch {
                if Task.isCancelled { return }
                throw RegistryError(
                    EtcdError(code: .server, message: "\(error)", isTransient: false, mayHaveHappened: false),
                    while: "following \(watched)")
            }
        }
    }

    /// Catches up and then follows; returns only when the task is cancelled.
    private func round(_ progress: inout Progress, _ receive: (Update) -> Void) async throws {
        let keys: [KeyValue]?
        let revision: Int64
        if progress.needsSnapshot {
            let found = try await read()
            (keys, revision) = (found.keys, found.revision)
        } else {
            // Asks before watching, since a watch from a revision that the store never reaches would wait for ever.
            (keys, revision) = (nil, try await store.get(.key(probe), revision: 0).revision)
        }
        guard revision >= progress.seen else {
            throw RegistryError(
                code: .otherStore,
                message: "etcd is at revision \(revision) but was at \(progress.seen) before: its data was lost or "
                    + "replaced; restore it, or run \"node-agent adopt\" on the machines that refuse it")
        }
        if progress.isAway { receive(.reconnected) }
        progress.isAway = false
        if let keys {
            receive(.snapshot(keys, revision: revision))
            progress.seen = revision
            progress.needsSnapshot = false
        }
        for try await batch in store.watch(watched, from: progress.seen + 1) where batch.revision > progress.seen {
            progress.seen = batch.revision
            progress.failures = 0
            receive(.changes(batch.events, revision: batch.revision))
        }
        guard Task.isCancelled else {
            throw EtcdError(
                code: .unreachable, message: "etcd ended the watch of \(watched)", isTransient: true,
                mayHaveHappened: false)
        }
    }

    private func settle(
        _ error: EtcdError, _ progress: inout Progress, _ receive: (Update) -> Void
    ) throws(RegistryError) {
        progress.failures += 1
        if error.code == .compacted {
            // Changes are missing: only a new snapshot leaves no gap.
            progress.needsSnapshot = true
            return
        }
        if Task.isCancelled { return }
        guard error.isTransient else { throw RegistryError(error, while: "following \(watched)") }
        if !progress.isAway { receive(.disconnected(error)) }
        progress.isAway = true
    }

    private func read() async throws(EtcdError) -> (keys: [KeyValue], revision: Int64) {
        var keys: [KeyValue] = []
        var revision: Int64 = 0
        for part in parts {
            let found = try await store.get(part, revision: revision)
            if revision == 0 { revision = found.revision }
            keys += found.keys
        }
        return (keys, revision)
    }

    /// A key whose reading says which revision the store has reached.
    private var probe: String {
        switch watched {
        case .key(let key), .prefix(let key), .range(let key, _): key
        }
    }

    /// Doubles with each failure, with a random part, so that many machines do not come back at one moment.
    private func pause(_ failures: Int) -> Duration {
        let doubled = firstPause * (1 << min(max(failures - 1, 0), 16))
        // From a half to the whole.
        return min(doubled, Self.longestPause) * (1 - Double(clockwork.random() >> 11) / 0x1p54)
    }
}

/// Turns what a follower sees into what a consumer wants to know.
protocol UpdateDecoder: Sendable {
    associatedtype Output: Sendable
    mutating func decode(_ update: Follower.Update) -> Output?
}

extension Follower {
    /// The decoded updates as a stream; following ends when the consumer does.
    func stream<Decoder: UpdateDecoder>(_ decoder: Decoder) -> AsyncThrowingStream<Decoder.Output, any Error> {
        AsyncThrowingStream { continuation in
            let task = clockwork.spawn {
                var decoder = decoder
                do throws(RegistryError) {
                    try await run { update in
                        if let output = decoder.decode(update) { continuation.yield(output) }
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
