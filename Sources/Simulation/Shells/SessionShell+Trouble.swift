// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A machine that cannot follow its schedule; mirrors `SessionShell+Record.swift` and `ClusterRegistry+Turn.swift`.
extension SessionShell {
    func announce(isTroubled: Bool) {
        guard isTroubled != self.isTroubled else { return }
        self.isTroubled = isTroubled
        world.note { "\(host.name): " + (isTroubled ? "takes no new units" : "takes units again") }
        if let lease = core.currentLease { rewrite(lease) }
    }

    func rewrite(_ lease: SessionLease) {
        register(under: lease) { [self] result in
            switch result {
            case .success(.registered(let revision)):
                guard core.currentLease == lease else { return }
                recordRevision = max(recordRevision, revision)
                isRecordBehind = false
                process.agent.enter(lease, record: revision)
                process.election.sessionEntered(lease)
            case .success(.taken): leaseGone(lease)
            case .failure: isRecordBehind = true
            }
        }
    }

    func giveUp() {
        guard let lease = core.currentLease else { return }
        ifItMayGo { [self] in
            let asked = host.now
            if world.isMutant(.impatientLeaver) { return surrender(lease) }
            takeTurn(ttl: lease.ttl) { [self] in
                ifItMayGo { [self] in
                    guard host.now < asked + Surrender.validity, core.currentLease == lease else { return }
                    surrender(lease)
                }
            }
        }
    }

    private func surrender(_ lease: SessionLease) {
        guard core.currentLease == lease else { return }
        world.note { "\(host.name): gives its session up" }
        world.observer.gaveUp(host.index)
        send(.keptOut)
    }

    private func ifItMayGo(_ then: @escaping () -> Void) {
        client.call(.range(.machines)) { [self] result in
            guard case .success(let answer) = result, case .range(let entries) = answer.content else { return }
            let machines = entries.compactMap { found -> MachineRecord? in
                if case .machine(let record) = found.entry.value { record } else { nil }
            }
            switch Surrender.verdict(of: host.id, among: machines) {
            case .mayGo: then()
            case .tooFewAreLeft: if world.isMutant(.selfishLeaver) { then() }
            case .isOpen: break
            }
        }
    }

    private func takeTurn(ttl: Int, _ then: @escaping () -> Void) {
        client.call(.entries([.turn])) { [self] result in
            guard case .success(let answer) = result, case .entries(let found) = answer.content, found[0] == nil
            else { return }
            client.call(.grant(ttl: Surrender.turnLifetime(ttl: ttl))) { [self] result in
                guard case .success(let answer) = result, case .lease(let lease, _) = answer.content else { return }
                let take = StoreTransaction(
                    comparisons: [StoreComparison(.turn, .absent)],
                    writes: [.put(.turn, .turn(host.id), lease: lease)])
                client.call(.transaction(take)) { [self] result in
                    guard case .success(let answer) = result, case .transaction(let succeeded, _) = answer.content
                    else { return }
                    if succeeded { return then() }
                    client.call(.revoke(lease)) { _ in }
                }
            }
        }
    }
}
