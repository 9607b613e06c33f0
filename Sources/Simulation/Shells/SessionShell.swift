// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Holds the machine's session; mirrors `SessionShell.swift` and `SessionShell+Record.swift` of the node agent.
final class SessionShell {
    unowned let process: AgentProcess
    var host: Host { process.host }
    var world: World { process.world }
    var client: StoreClient { process.sessionClient }
    private(set) var core: SessionCore
    private var inbox: [SessionCore.Event] = []
    private var directives: [SessionCore.Directive] = []
    /// A directive is awaited.
    private var isBlocked = false
    private var timer = 0
    private var ended: (() -> Void)?
    var isAskingPeers = false
    /// Which peers are asked next.
    var peerTurn = 0
    /// Where this run's record of the machine stands in the store's history.
    var recordRevision: Int64 = 0
    var isTroubled = false
    /// The record in the store lacks what is to be said; it is written at the next renewal.
    var isRecordBehind = false

    static let ttl = 5

    init(process: AgentProcess) {
        self.process = process
        core = SessionCore(timing: SessionTiming(ttl: Self.ttl))
    }

    func run() {
        let saved = host.runtime.session
        send(.started(saved: saved.lease, proof: saved.proof))
        if saved.mustFence, !world.isMutant(.trustsRest) { send(.guardFired) }
    }

    func stop(_ done: @escaping () -> Void) {
        ended = done
        send(.stopping)
    }

    func send(_ event: SessionCore.Event) {
        inbox.append(event)
        turn()
    }

    /// An answer about `lease`; one about a lease that was given up meanwhile is dropped.
    private func send(_ event: SessionCore.Event, about lease: SessionLease) {
        guard core.isAbout(lease) else { return }
        send(event)
    }

    private func turn() {
        while !isBlocked, process.isAlive {
            if !directives.isEmpty {
                perform(directives.removeFirst())
            } else if core.phase == .ended {
                ended?()
                ended = nil
                return
            } else if !inbox.isEmpty {
                directives = core.handle(inbox.removeFirst(), at: host.now)
            } else {
                return
            }
        }
    }

    private func block(_ work: (@escaping () -> Void) -> Void) {
        isBlocked = true
        work { [self] in
            isBlocked = false
            turn()
        }
    }

    private func perform(_ directive: SessionCore.Directive) {
        switch directive {
        case .resume(let lease): resume(lease)
        case .grant: grant()
        case .register(let lease): register(lease)
        case .renew(let lease): renew(lease)
        case .askForQuorum:
            let asked = host.now
            let count = world.etcd.members.count
            client.askMembers { [self] answer, member in
                send(.memberAnswered(answer, member: member, count: count, asked: asked))
            }
            askPeers()
        case .enter(let lease, let isNew):
            world.note { "\(host.name): session \(lease.id)" + (isNew ? "" : ", taken up again") }
            if isNew { host.runtime.session.mustFence = false }
            save(lease)
            process.agent.enter(lease, record: recordRevision)
            process.election.sessionEntered(lease)
        case .feedGuard(let moment): feedGuard(until: moment)
        case .disarmGuard: process.guardControl.disarm()
        case .fence(let kill):
            world.observer.fenced(host.index)
            process.election.sessionLeft()
            if world.isMutant(.blindFence) { return process.after(0) { [self] in send(.fenced) } }
            process.agent.fence(kill: kill) { [self] in send(.fenced) }
        case .revoke(let lease):
            block { done in
                client.call(.revoke(lease.id), within: 2 * Span.second) { [self] _ in
                    host.runtime.session.lease = nil
                    done()
                }
            }
        case .report(let report):
            world.note { "\(host.name): \(report)" }
            world.observer.reported(report, host.index)
        case .wake(let moment):
            timer += 1
            let number = timer
            process.wake(at: moment) { [self] in
                if number == timer { send(.woke) }
            }
        }
    }

    private func feedGuard(until moment: Moment) {
        if !process.guardControl.feed(until: moment) { send(.guardFired) }
        if case .held(let lease, let proof, _) = core.phase {
            host.runtime.session.proof = proof
            save(lease)
        }
    }

    private func save(_ lease: SessionLease) {
        host.runtime.session.lease = lease
        host.runtime.session.storeGeneration = client.expectedGeneration
    }

    // MARK: What goes to the store

    private var record: MachineRecord {
        MachineRecord(
            id: host.id, name: host.name, address: "", metadata: host.metadata, bootID: "\(host.bootCount)",
            token: host.runtime.session.token, isClosed: isTroubled)
    }

    private func grant() {
        let sent = host.now
        client.call(.grant(ttl: Self.ttl)) { [self] result in
            switch result {
            case .success(let answer):
                guard case .lease(let lease, let ttl) = answer.content else { return }
                let trusted = world.isMutant(.lateFence) ? ttl + 1 : ttl
                send(.granted(SessionLease(id: lease, ttl: trusted), sent: sent))
            case .failure(let failure): send(failure.code == .storeReplaced ? .foreignStore : .grantFailed)
            }
        }
    }

    enum Registration {
        case registered(revision: Int64)
        case taken
    }

    private func register(_ lease: SessionLease) {
        register(under: lease) { [self] result in
            switch result {
            case .success(.registered(let revision)):
                if core.isAbout(lease) { recordRevision = revision }
                send(.registered, about: lease)
            case .success(.taken): send(.taken, about: lease)
            case .failure(let failure):
                send(failure.code == .leaseNotFound ? .registerLeaseGone : .registerFailed, about: lease)
            }
        }
    }

    /// Mirrors `ClusterRegistry.register`.
    func register(
        under lease: SessionLease, tries: Int = 8, _ completion: @escaping (Result<Registration, StoreFailure>) -> Void
    ) {
        guard tries > 0 else { return completion(.failure(StoreFailure(code: .interfered, mayHaveHappened: false))) }
        let key = StoreKey.machine(host.index)
        let record = record
        let create = StoreTransaction(
            comparisons: [StoreComparison(key, .absent)], writes: [.put(key, .machine(record), lease: lease.id)],
            otherwise: [key])
        client.call(.transaction(create)) { [self] result in
            switch result {
            case .failure(let failure): return completion(.failure(failure))
            case .success(let answer):
                guard case .transaction(let succeeded, let found) = answer.content else { return }
                if succeeded { return completion(.success(.registered(revision: answer.revision))) }
                guard let entry = found[0], case .machine(let present) = entry.value else {
                    return register(under: lease, tries: tries - 1, completion)
                }
                guard present.token == record.token else { return completion(.success(.taken)) }
                let swap = StoreTransaction(
                    comparisons: [StoreComparison(key, .modified(entry.modified))],
                    writes: [.put(key, .machine(record), lease: lease.id)])
                client.call(.transaction(swap)) { [self] result in
                    switch result {
                    case .failure(let failure): completion(.failure(failure))
                    case .success(let answer):
                        if case .transaction(true, _) = answer.content {
                            return completion(.success(.registered(revision: answer.revision)))
                        }
                        register(under: lease, tries: tries - 1, completion)
                    }
                }
            }
        }
    }

    private var attemptTimeout: Int64 { core.timing.attemptTimeout.nanoseconds }

    private func renew(_ lease: SessionLease) {
        let sent = host.now
        client.call(.keepAlive(lease.id), within: attemptTimeout) { [self] result in
            switch result {
            case .success(let answer):
                if case .alive(nil) = answer.content {
                    leaseGone(lease)
                } else {
                    send(.renewed(sent: sent), about: lease)
                    if isRecordBehind, core.currentLease == lease { rewrite(lease) }
                }
            case .failure: send(.renewFailed, about: lease)
            }
        }
    }

    private func resume(_ lease: SessionLease) {
        let sent = host.now
        client.call(.keepAlive(lease.id), within: attemptTimeout) { [self] result in
            switch result {
            case .failure: send(.renewFailed, about: lease)
            case .success(let answer):
                if case .alive(nil) = answer.content { return leaseGone(lease) }
                register(under: lease) { [self] result in
                    switch result {
                    case .success(.registered(let revision)):
                        if core.isAbout(lease) { recordRevision = revision }
                        send(.renewed(sent: sent), about: lease)
                    case .success(.taken): leaseGone(lease)
                    case .failure(let failure):
                        switch failure.code {
                        case .leaseNotFound: send(.leaseGone, about: lease)
                        case .storeReplaced: send(.foreignStore, about: lease)
                        default: send(.renewFailed, about: lease)
                        }
                    }
                }
            }
        }
    }

    /// A store that lost its data knows no lease either; a linearizable read tells the two apart (rule R8).
    func leaseGone(_ lease: SessionLease) {
        client.call(.range(.leader), within: attemptTimeout) { [self] result in
            switch result {
            case .success: send(.leaseGone, about: lease)
            case .failure(let failure):
                send(failure.code == .storeReplaced ? .foreignStore : .renewFailed, about: lease)
            }
        }
    }
}
