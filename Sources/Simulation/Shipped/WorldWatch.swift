// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Timing

/// A watch of one process, across the connections on which it comes; mirrors `WatchReader.swift`.
final class WorldWatch: @unchecked Sendable {
    private let store: WorldStore
    private let selector: KeySelector
    private let continuation: AsyncThrowingStream<WatchBatch, any Error>.Continuation
    /// Everything before it has been handed on.
    private var next: Int64
    private var connection: WatchStream?
    private var connectionCount = 0
    private var failures = 0
    private var lastHeard: Int64 = 0
    private var hasEnded = false
    private var world: World { store.world }
    private var process: HostProcess { store.process }

    private static let checkInterval = 5 * Span.second
    private static let requestTimeout = 5 * Span.second

    init(
        _ store: WorldStore, _ selector: KeySelector, from revision: Int64,
        _ continuation: AsyncThrowingStream<WatchBatch, any Error>.Continuation
    ) {
        self.store = store
        self.selector = selector
        self.continuation = continuation
        next = revision
    }

    func end() {
        hasEnded = true
        connection?.close()
    }

    private func fail(_ error: EtcdError) {
        end()
        continuation.finish(throwing: error)
    }

    func begin() {
        guard !hasEnded else { return }
        let member = store.known.preferred
        let host = process.host.index
        var isAnswered = false
        let stream = WatchStream(world: world, host: host, member: member, range: .bytes(selector), from: next) {
            [weak self] message in
            guard let self else { return }
            process.enter { [self] in handle(message) }
        }
        connection = stream
        connectionCount += 1
        world.network.send(host, member, .toMember) { [self] in open(stream) { isAnswered = true } }
        process.after(Self.requestTimeout) { [self] in
            if !isAnswered, connection === stream { broken(stream) }
        }
    }

    /// What a member does that is asked for a watch: one that is silent answers as soon as it serves.
    private func open(_ stream: WatchStream, _ answered: @escaping () -> Void) {
        guard !hasEnded, process.isAlive, stream.isOpen else { return }
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
        guard stream.isOpen, !hasEnded, connection === stream else { return stream.close() }
        if revision < next - 1 { checkHistory() }
        failures = 0
        store.known.answered(stream.member)
        lastHeard = world.now
        checkQuiet(stream)
    }

    /// Makes sure that the store has what came before the watch.
    private func checkHistory() {
        store.known.saw(next - 1)
        store.clockwork.spawn { [self] in
            do throws(EtcdError) {
                _ = try await store.call(.read(selector, revision: 0))
            } catch {
                if error.code == .storeReplaced { fail(error) }
            }
        }
    }

    private func handle(_ message: WatchStream.Message) {
        guard let stream = connection, stream.isOpen else { return }
        guard !hasEnded else { return stream.close() }
        lastHeard = world.now
        switch message {
        case .bytes(let batches):
            for batch in batches where batch.revision >= next {
                next = batch.revision + 1
                store.known.saw(batch.revision)
                if world.brokenPort == .lossyWatch, world.random.chance(1, in: 16) { continue }
                continuation.yield(batch)
            }
        case .compacted:
            fail(
                EtcdError(
                    code: .compacted, message: "revision \(next) is compacted", isTransient: false,
                    mayHaveHappened: false))
        case .broken: broken(stream)
        case .batches: break
        }
    }

    private func broken(_ stream: WatchStream) {
        guard stream.isOpen, connection === stream else { return }
        stream.close()
        guard !hasEnded else { return }
        store.onBrokenWatch()
        failures += 1
        store.known.turnAway(from: stream.member)
        let count = store.known.memberCount
        let pause = failures >= count ? WorldStore.pause(round: failures / count, world) : 0
        process.after(pause) { [self] in begin() }
    }

    /// Nothing came for a while: asks whether the member is still there.
    private func checkQuiet(_ stream: WatchStream) {
        process.after(Self.checkInterval) { [self] in
            guard stream.isOpen, connection === stream, !hasEnded else { return }
            guard world.now - lastHeard >= Self.checkInterval,
                !store.known.isKnownToLive(stream.member, within: Self.checkInterval)
            else { return checkQuiet(stream) }
            let (known, number) = (stream.member, connectionCount)
            store.clockwork.spawn { [self] in settle(await store.probe(known), of: number) }
        }
    }

    private func settle(_ answer: EndpointAnswer, of number: Int) {
        guard let stream = connection, number == connectionCount, stream.isOpen, !hasEnded else { return }
        guard case .healthy = answer else { return broken(stream) }
        store.known.answered(stream.member)
        checkQuiet(stream)
    }
}
