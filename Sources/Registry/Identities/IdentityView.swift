// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// A change of who belongs to the cluster.
package enum IdentityChange: Hashable, Sendable {
    /// `nil` when there is no record, or none that can be read.
    case machine(MachineID, MachineIdentity?)
    case user(String, UserIdentity?)
}

/// All identities of a cluster, followed, so that each request can be checked without asking etcd.
///
/// It fails closed: a record that cannot be read counts as none. While etcd cannot be reached it says what it knew last, and
/// `isStale` says so.
package actor IdentityView {
    private let registry: ClusterRegistry
    private var machines: [MachineID: MachineIdentity] = [:]
    private var users: [String: UserIdentity] = [:]
    private var isRead = false
    private var following: Task<Void, Never>?
    private var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    private var subscribers: [Int: AsyncStream<IdentityChange>.Continuation] = [:]
    private var lastNumber = 0

    /// Keys and values below `identities/` that this version cannot read.
    package private(set) var problems: [RegistryProblem] = []
    /// Whether etcd has not been reached since what is known was read.
    package private(set) var isStale = true

    package init(registry: ClusterRegistry) { self.registry = registry }

    deinit { following?.cancel() }

    /// Follows until `stop()`; returns at once.
    package func start() {
        guard following == nil else { return }
        let registry = registry
        let stream = { @Sendable in registry.followIdentities() }
        following = Task { [weak self] in
            while !Task.isCancelled {
                do {
                    for try await update in stream() { await self?.receive(update) }
                } catch {
                    // Going on was pointless, as with a login that is refused; it may be mended under way.
                    await self?.lose()
                }
                if self == nil { return }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    package func stop() {
        following?.cancel()
        following = nil
        isStale = true
        releaseWaiters()
    }

    /// Waits until the identities have been read once, `stop()`, the end of the task, or `patience`.
    ///
    /// - Returns: Whether they have been read.
    package func ready(within patience: Duration? = nil) async -> Bool {
        start()
        guard !isRead else { return true }
        lastNumber += 1
        let number = lastNumber
        let timer = patience.map { patience in
            Task { [weak self] in
                try? await Task.sleep(for: patience)
                await self?.release(number)
            }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                if Task.isCancelled { waiter.resume() } else { waiters[number] = waiter }
            }
        } onCancel: {
            Task { [weak self] in await self?.release(number) }
        }
        timer?.cancel()
        return isRead
    }

    private func release(_ number: Int) { waiters.removeValue(forKey: number)?.resume() }

    private func releaseWaiters() {
        for waiter in waiters.values { waiter.resume() }
        waiters = [:]
    }

    /// What is known of a machine; revoked ones are there, too.
    package func machine(_ id: MachineID) -> MachineIdentity? { machines[id] }

    /// What is known of a user; revoked ones are there, too.
    package func user(_ name: String) -> UserIdentity? { users[name] }

    /// Every change from now on.
    package func changes() -> AsyncStream<IdentityChange> {
        let (stream, continuation) = AsyncStream<IdentityChange>.makeStream()
        lastNumber += 1
        let number = lastNumber
        subscribers[number] = continuation
        continuation.onTermination = { [weak self] _ in Task { [weak self] in await self?.unsubscribe(number) } }
        return stream
    }

    private func unsubscribe(_ number: Int) { subscribers[number] = nil }

    private func lose() { isStale = true }

    private func receive(_ update: IdentityUpdate) {
        switch update {
        case .snapshot(let changes, let problems):
            self.problems = problems
            apply(Self.missing(from: changes, machines, users) + changes)
            isRead = true
            isStale = false
            releaseWaiters()
        case .changes(let changes, let problems):
            self.problems = problems
            apply(changes)
        case .disconnected: isStale = true
        case .reconnected: isStale = false
        }
    }

    private func apply(_ changes: [IdentityChange]) {
        for change in changes {
            switch change {
            case .machine(let id, let identity):
                guard machines[id] != identity else { continue }
                machines[id] = identity
            case .user(let name, let identity):
                guard users[name] != identity else { continue }
                users[name] = identity
            }
            for subscriber in subscribers.values { subscriber.yield(change) }
        }
    }

    /// What a snapshot takes away by not having it.
    private static func missing(
        from snapshot: [IdentityChange], _ machines: [MachineID: MachineIdentity], _ users: [String: UserIdentity]
    ) -> [IdentityChange] {
        var goneMachines = Set(machines.keys)
        var goneUsers = Set(users.keys)
        for change in snapshot {
            switch change {
            case .machine(let id, _): goneMachines.remove(id)
            case .user(let name, _): goneUsers.remove(name)
            }
        }
        return goneMachines.sorted().map { .machine($0, nil) } + goneUsers.sorted().map { .user($0, nil) }
    }
}
