// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// The followed state of one cluster, shared by all in one process that need it: the leading engine and the API.
///
/// It follows only while somebody uses it, and for a grace time after, so that a machine on which nobody asks costs the
/// store nothing. What it knew when it stopped it keeps, with the moment up to which that is true, until it has read the cluster
/// anew: with the store away by then, that is worth more than nothing.
package actor ClusterView {
    private let registry: ClusterRegistry
    private let grace: Duration

    private var current = ClusterState()
    /// Revision of `current`; `nil` while nothing has been read.
    private var revision: Int64?
    /// Keys and values that this version cannot read, by key.
    package private(set) var problems: [RegistryProblem] = []
    /// Why the store cannot be reached, while it cannot: what the view says may be stale.
    package private(set) var disconnection: EtcdError?
    /// When the store went out of reach.
    private var lostAt: ContinuousClock.Instant?
    /// When the store last told anything of the cluster.
    private var toldAt: ContinuousClock.Instant?
    /// What it knew when it stopped; `nil` while it knows anything newer.
    package private(set) var kept: Kept?

    private var users = 0
    private var following: Task<Void, Never>?
    /// Raised with each start, so that what a stopped follower still delivers is told apart.
    private var generation = 0
    private var lingering: Task<Void, Never>?
    private var waiters: [Int: Waiter] = [:]
    private var subscribers: [Int: AsyncThrowingStream<ClusterUpdate, any Error>.Continuation] = [:]
    private var lastNumber = 0

    /// The cluster as it was up to a moment.
    package struct Kept: Sendable {
        package var state: ClusterState
        package var revision: Int64
        /// The last moment of which the state is known to be true.
        package var until: ContinuousClock.Instant
    }

    private struct Waiter {
        var revision: Int64
        var continuation: CheckedContinuation<Result<Void, RegistryError>, Never>
        var deadline: Task<Void, Never>
    }

    /// - Parameters:
    ///   - registry: Whose cluster to follow.
    ///   - grace: How long to go on following after the last user has gone.
    package init(registry: ClusterRegistry, grace: Duration = .seconds(30)) {
        self.registry = registry
        self.grace = grace
    }

    deinit { following?.cancel() }

    /// Whether the view follows the store now.
    package var isFollowing: Bool { following != nil }

    /// Whether the cluster has been read, so that there is something to say while the store is away.
    package var hasState: Bool { revision != nil }

    /// The last moment of which what is known is true, where that has passed: it does not follow, or the store is out of reach.
    package var currentUntil: ContinuousClock.Instant? { kept?.until ?? lostAt }

    /// Keeps the view following until as many calls of `release()`.
    package func acquire() {
        users += 1
        lingering?.cancel()
        lingering = nil
        if following == nil { start() }
    }

    /// Takes one `acquire()` back.
    package func release() {
        guard users > 0 else { return }
        users -= 1
        if users == 0 { linger(for: grace) }
    }

    /// Goes on following for a while, and for as long as the store is away: what was read before could not be read anew.
    private func linger(for pause: Duration) {
        lingering = Task {
            try? await Task.sleep(for: pause)
            if !Task.isCancelled { stop() }
        }
    }

    /// The state once it has reached `revision`.
    ///
    /// A caller that has just changed something passes the revision that it was told, and sees its own change. Keeping
    /// the state makes the view copy it at the next change; `withState` spares that.
    ///
    /// - Parameters:
    ///   - revision: 0 takes what is there once the cluster has been read.
    ///   - deadline: How long to wait.
    /// - Returns: The state, and the revision that it is at.
    /// - Throws: `.timedOut` after `deadline`; why following ended, if it has.
    package func state(
        atLeast revision: Int64 = 0, within deadline: Duration = .seconds(5)
    ) async throws(RegistryError) -> (state: ClusterState, revision: Int64) {
        try await withState(atLeast: revision, within: deadline) { ($0, $1) }
    }

    /// What `body` makes of the state once it has reached `revision`; see `state(atLeast:within:)`.
    package func withState<Value: Sendable>(
        atLeast revision: Int64 = 0, within deadline: Duration = .seconds(5),
        _ body: @Sendable (ClusterState, Int64) -> Value
    ) async throws(RegistryError) -> Value {
        acquire()
        defer { release() }
        try await wait(for: revision, within: deadline)
        return body(current, self.revision ?? 0)
    }

    /// Every update from now on, beginning with a snapshot; the view follows as long as somebody listens.
    package func updates() -> AsyncThrowingStream<ClusterUpdate, any Error> {
        acquire()
        let number = nextNumber()
        let (stream, continuation) = AsyncThrowingStream<ClusterUpdate, any Error>.makeStream()
        subscribers[number] = continuation
        if let revision {
            continuation.yield(.snapshot(current.events, revision: revision, problems: problems))
            if let disconnection { continuation.yield(.disconnected(disconnection)) }
        }
        continuation.onTermination = { [weak self] _ in
            Task { [weak self] in await self?.unsubscribe(number) }
        }
        return stream
    }

    private func unsubscribe(_ number: Int) {
        subscribers[number] = nil
        release()
    }

    private func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }
}

/// Waiting for a revision.
extension ClusterView {
    private func wait(for revision: Int64, within deadline: Duration) async throws(RegistryError) {
        if let reached = self.revision, reached >= revision { return }
        let number = nextNumber()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let timer = Task {
                    // A cancelled sleep means that the waiter was served.
                    guard (try? await Task.sleep(for: deadline)) != nil else { return }
                    expire(number, after: deadline)
                }
                waiters[number] = Waiter(revision: revision, continuation: continuation, deadline: timer)
                if Task.isCancelled { cancel(number) }
            }
        } onCancel: {
            Task { await self.cancel(number) }
        }
        try outcome.get()
    }

    private func serve(_ number: Int, _ outcome: Result<Void, RegistryError>) {
        guard let waiter = waiters.removeValue(forKey: number) else { return }
        waiter.deadline.cancel()
        waiter.continuation.resume(returning: outcome)
    }

    private func expire(_ number: Int, after deadline: Duration) {
        guard let waiter = waiters[number] else { return }
        let reached = revision.map { "the view has reached \($0)" } ?? "the cluster has not been read yet"
        let why = disconnection.map { "; etcd: \($0.message)" } ?? ""
        serve(
            number,
            .failure(
                RegistryError(
                    code: .timedOut,
                    message: "waited \(deadline) for revision \(waiter.revision): \(reached)\(why)",
                    isTransient: true)))
    }

    private func cancel(_ number: Int) {
        let error = EtcdError(
            code: .cancelled, message: "the caller gave up", isTransient: false, mayHaveHappened: false)
        serve(number, .failure(RegistryError(error, while: "waiting for a revision")))
    }

    private func serveAll(upTo revision: Int64) {
        for (number, waiter) in waiters where waiter.revision <= revision { serve(number, .success(())) }
    }
}

/// Following.
extension ClusterView {
    private func start() {
        generation += 1
        let generation = generation
        let stream = registry.follow()
        following = Task { [weak self] in
            do {
                for try await update in stream {
                    guard let self else { return }
                    await self.receive(update, generation)
                }
                await self?.end(generation, nil)
            } catch {
                await self?.end(generation, error)
            }
        }
    }

    private func stop() {
        guard users == 0 else { return }
        guard disconnection == nil else { return linger(for: max(grace, .seconds(1))) }
        following?.cancel()
        let last = kept ?? whatIsKnown
        forget()
        kept = last
    }

    /// The state, up to the last moment at which the store is known to have been there: a watch is silent without it, too.
    private var whatIsKnown: Kept? {
        guard let revision, let toldAt else { return nil }
        return Kept(
            state: current, revision: revision, until: max(toldAt, registry.store.lastConfirmation ?? toldAt))
    }

    private func forget() {
        following = nil
        generation += 1
        current = ClusterState()
        revision = nil
        problems = []
        disconnection = nil
        lostAt = nil
        toldAt = nil
        kept = nil
    }

    private func receive(_ update: ClusterUpdate, _ generation: Int) {
        guard generation == self.generation else { return }
        switch update {
        case .snapshot(let events, let revision, let problems):
            current = ClusterState(events)
            (self.revision, self.problems) = (revision, problems)
            kept = nil
            toldAt = ContinuousClock.now
        case .changes(let events, let revision, let problems):
            for event in events { current.apply(event) }
            (self.revision, self.problems) = (revision, problems)
            toldAt = ContinuousClock.now
        case .disconnected(let error):
            disconnection = error
            if lostAt == nil { lostAt = ContinuousClock.now }
        case .reconnected:
            disconnection = nil
            lostAt = nil
        }
        for subscriber in subscribers.values { subscriber.yield(update) }
        if let revision { serveAll(upTo: revision) }
    }

    /// Following has ended by itself: all who wait and listen are told; the next user begins anew.
    private func end(_ generation: Int, _ error: (any Error)?) {
        guard generation == self.generation else { return }
        let reason =
            error as? RegistryError
            ?? RegistryError(
                EtcdError(
                    code: .cancelled, message: "following ended", isTransient: true, mayHaveHappened: false),
                while: "following the cluster")
        forget()
        for number in Array(waiters.keys) { serve(number, .failure(reason)) }
        for subscriber in subscribers.values { subscriber.finish(throwing: reason) }
        subscribers = [:]
    }
}
