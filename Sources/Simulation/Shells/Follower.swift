// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A snapshot and then every change from that revision on, until its scope is cancelled.
///
/// Mirrors `Follower.swift` of the registry and `WatchReader.swift` of the etcd client.
final class Follower {
    enum Update {
        case snapshot([(key: StoreKey, entry: StoreEntry)], revision: Int64)
        case changes([StoreChange], revision: Int64)
        /// The store is another one, or its revision went back: following is over.
        case ended
    }

    private unowned let process: AgentProcess
    private var world: World { process.world }
    private let client: StoreClient
    private let range: KeyRange
    private let scope: Scope
    private let receive: (Update) -> Void
    private var seen: Int64 = 0
    private var failures = 0
    private var watchFailures = 0
    private var stream: WatchStream?
    private var lastHeard: Int64 = 0

    private static let firstPause = 100 * Span.millisecond
    private static let longestPause = 5 * Span.second
    private static let watchCheckInterval = 5 * Span.second

    init(process: AgentProcess, range: KeyRange, scope: Scope, receive: @escaping (Update) -> Void) {
        self.process = process
        client = process.client
        self.range = range
        self.scope = scope
        self.receive = receive
        round()
    }

    private func round() {
        client.call(.range(range), in: scope) { [self] result in
            switch result {
            case .success(let answer):
                guard case .range(let entries) = answer.content else { return }
                guard answer.revision >= seen else { return end() }
                failures = 0
                seen = answer.revision
                receive(.snapshot(entries, revision: answer.revision))
                if !scope.isCancelled { watch() }
            case .failure(let failure):
                guard failure.code != .storeReplaced else { return end() }
                failures += 1
                let doubled = min(Self.firstPause << Int64(min(failures - 1, 16)), Self.longestPause)
                process.after(world.random.between(doubled / 2, doubled), in: scope) { [self] in round() }
            }
        }
    }

    private func end() {
        stream?.close()
        if !scope.isCancelled { receive(.ended) }
    }

    // MARK: Watch

    private func watch() {
        let member = client.preferredMember
        let host = process.host.index
        let scope = scope
        var isAnswered = false
        let stream = WatchStream(
            world: world, host: host, member: member, range: range,
            from: world.isMutant(.forgetfulFollower) && seen > 0 && watchFailures > 0
                ? world.etcd.store.revision + 1 : seen + 1
        ) { [weak self] message in
            guard let self else { return }
            process.enter { [self] in handle(message) }
        }
        self.stream = stream
        world.network.send(host, member, .toMember) { [self] in open(stream) { isAnswered = true } }
        process.after(StoreClient.requestTimeout, in: scope) { [self] in
            if !isAnswered, self.stream === stream { broken(stream) }
        }
    }

    /// What a member does that is asked for a watch: one that is silent answers as soon as it serves.
    private func open(_ stream: WatchStream, _ answered: @escaping () -> Void) {
        guard !scope.isCancelled, stream.isOpen else { return }
        guard !world.etcd.members[stream.member].isSilent else {
            return world.etcd.hold(at: stream.member) { [self] in open(stream, answered) }
        }
        let revision = world.etcd.store.revision
        let isTaken = world.etcd.open(stream)
        world.network.send(stream.host, stream.member, .fromMember) { [self] in
            process.enter { [self] in
                answered()
                if isTaken { created(stream, header: revision) } else { broken(stream) }
            }
        }
    }

    private func created(_ stream: WatchStream, header revision: Int64) {
        guard stream.isOpen, !scope.isCancelled, self.stream === stream else { return stream.close() }
        if revision < seen {
            // Makes sure that the store has what came before the watch.
            client.saw(seen)
            client.call(.range(.leader), in: scope) { [self] result in
                if case .failure(let failure) = result, failure.code == .storeReplaced { end() }
            }
        }
        watchFailures = 0
        client.answered(stream.member)
        lastHeard = world.now
        checkQuiet(stream)
    }

    private func handle(_ message: WatchStream.Message) {
        guard let stream, stream.isOpen else { return }
        guard !scope.isCancelled else { return stream.close() }
        lastHeard = world.now
        switch message {
        case .batches(let commits):
            for commit in commits where commit.revision > seen {
                seen = commit.revision
                client.saw(commit.revision)
                receive(.changes(commit.changes, revision: commit.revision))
                if scope.isCancelled { return stream.close() }
            }
        case .compacted:
            stream.close()
            round()
        case .broken: broken(stream)
        case .bytes: break
        }
    }

    private func broken(_ stream: WatchStream) {
        guard stream.isOpen, self.stream === stream else { return }
        stream.close()
        guard !scope.isCancelled else { return }
        process.session.send(.connectionLost)
        watchFailures += 1
        client.turnAway(from: stream.member)
        let count = world.etcd.members.count
        let pause = watchFailures >= count ? client.pause(round: watchFailures / count) : 0
        process.after(pause, in: scope) { [self] in watch() }
    }

    /// Nothing came for a while: asks whether the member is still there.
    private func checkQuiet(_ stream: WatchStream) {
        process.after(Self.watchCheckInterval, in: scope) { [self] in
            guard stream.isOpen, self.stream === stream else { return }
            guard world.now - lastHeard >= Self.watchCheckInterval,
                !client.isKnownToLive(stream.member, within: Self.watchCheckInterval)
            else { return checkQuiet(stream) }
            client.probe(stream.member) { [self] answer in
                guard stream.isOpen, self.stream === stream, !scope.isCancelled else { return }
                if answer == .follows || answer == .leads {
                    client.answered(stream.member)
                    checkQuiet(stream)
                } else {
                    broken(stream)
                }
            }
        }
    }
}
