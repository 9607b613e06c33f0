// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Takes part in the election and runs the engine while its machine leads; mirrors `ElectionShell.swift`.
final class ElectionShell {
    private unowned let process: AgentProcess
    private var host: Host { process.host }
    private var world: World { process.world }
    private var core: ElectionCore
    private var lease: SessionLease?
    private(set) var engine: EngineShell?
    private var inbox: [ElectionCore.Event] = []
    private var directives: [ElectionCore.Directive] = []
    private var isBlocked = false
    private var isStopped = false
    private var timer = 0
    private let scope = Scope()
    private var lastSeen: Leadership?
    private var hasSeen = false

    init(process: AgentProcess) {
        self.process = process
        core = ElectionCore(machine: process.host.id)
    }

    func run() { followLeader() }

    /// The process dies.
    func kill() {
        isStopped = true
        engine?.stop()
        scope.cancel()
    }

    func sessionEntered(_ lease: SessionLease) {
        self.lease = lease
        send(.sessionEntered)
    }

    func sessionLeft() {
        lease = nil
        send(.sessionLeft)
    }

    /// Gives the lead up, if held.
    func stop(_ done: @escaping () -> Void) {
        let rest = core.handle(.stopping, at: host.now)
        isStopped = true
        inbox = []
        engine?.stop()
        engine = nil
        scope.cancel()
        for case .resign(let leadership) in rest {
            return client.call(.transaction(Self.resignation(leadership))) { _ in done() }
        }
        done()
    }

    private var client: StoreClient { process.client }

    static func resignation(_ leadership: Leadership) -> StoreTransaction {
        StoreTransaction(
            comparisons: [StoreComparison(.leader, .created(leadership.epoch))], writes: [.delete(.leader)],
            epoch: leadership.epoch)
    }

    private func send(_ event: ElectionCore.Event) {
        guard !isStopped else { return }
        inbox.append(event)
        turn()
    }

    private func turn() {
        while !isBlocked, !isStopped, process.isAlive {
            if !directives.isEmpty {
                perform(directives.removeFirst())
            } else if !inbox.isEmpty {
                let event = inbox.removeFirst()
                directives = core.handle(event, at: host.now)
                // The session may have come after the leader's key was seen to be free.
                if event == .sessionEntered { inbox.append(.observed(lastSeen)) }
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

    private func followLeader() {
        guard !scope.isCancelled else { return }
        _ = Follower(process: process, range: .leader, scope: scope.child()) { [self] update in
            switch update {
            case .snapshot(let entries, _): seen(entries.first?.entry)
            case .changes(let changes, _): if let last = changes.last { seen(last.entry) }
            case .ended: process.after(Span.second, in: scope) { [self] in followLeader() }
            }
        }
    }

    private func seen(_ entry: StoreEntry?) {
        var leadership: Leadership?
        if let entry, case .leader(let machine) = entry.value {
            leadership = Leadership(machine: machine, epoch: entry.created)
        }
        lastSeen = leadership
        hasSeen = true
        send(.observed(leadership))
    }

    private func perform(_ directive: ElectionCore.Directive) {
        switch directive {
        case .campaign: campaign()
        case .lead(let leadership):
            world.note { "\(host.name): leads with epoch \(leadership.epoch)" }
            lead(leadership)
        case .stepDown:
            world.note { "\(host.name): leads no longer" }
            engine?.stop()
            engine = nil
        case .resign(let leadership):
            block { done in client.call(.transaction(Self.resignation(leadership)), in: scope) { _ in done() } }
        case .wake(let moment):
            timer += 1
            let number = timer
            process.wake(at: moment) { [self] in
                if number == timer { send(.woke) }
            }
        }
    }

    private func lead(_ leadership: Leadership) {
        engine?.stop()
        engine = EngineShell(
            process: process, leadership: leadership, deposed: { [unowned self] in send(.deposed) },
            again: { [unowned self] in
                if !isStopped, core.phase == .leading(leadership) { lead(leadership) }
            })
    }

    /// Mirrors `ClusterRegistry.campaign`.
    private func campaign() {
        guard let lease, hasSeen else { return send(.campaignFailed) }
        let transaction = StoreTransaction(
            comparisons: [StoreComparison(.leader, .absent)],
            writes: [.put(.leader, .leader(host.id), lease: lease.id)], otherwise: [.leader])
        block { done in
            client.call(.transaction(transaction), in: scope) { [self] result in
                send(outcome(of: result, lease))
                done()
            }
        }
    }

    private func outcome(of result: Result<StoreAnswer, StoreFailure>, _ lease: SessionLease) -> ElectionCore.Event {
        guard case .success(let answer) = result, case .transaction(let succeeded, let found) = answer.content else {
            return .campaignFailed
        }
        if succeeded { return .won(Leadership(machine: host.id, epoch: answer.revision)) }
        guard let entry = found[0], entry.lease == lease.id, case .leader(host.id) = entry.value else { return .lost }
        return .won(Leadership(machine: host.id, epoch: entry.created))
    }
}
