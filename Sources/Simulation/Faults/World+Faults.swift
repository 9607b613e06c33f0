// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Faults as they come and go; every one is over when the run's time is.
extension World {
    var end: Int64 { Int64(setting.seconds) * Span.second }

    private func until(_ span: Int64, _ action: @escaping () -> Void) {
        at(min(span == .max ? end : now + span, end), action)
    }

    func inject(_ fault: Fault) {
        note { "fault: \(fault)" }
        switch fault {
        case .cut(let host, let member, let directions, let span): cut(host, member, directions, span)
        case .slowNetwork(let host, let delay, let span):
            disturb(host, span)
            for member in etcd.members.indices { network.slow(host, member, by: delay) }
            until(span) { [unowned self] in
                for member in etcd.members.indices { network.slow(host, member, by: 0) }
            }
        case .memberDown(let member, let span): takeDown([member], span)
        case .storeDown(let span): takeDown(Array(etcd.members.indices), span)
        case .memberPaused(let member, let span):
            disturbAll(span)
            etcd.change(member) { $0.isPaused = true }
            until(span) { [unowned self] in etcd.change(member) { $0.isPaused = false } }
        case .memberIsolated(let member, let span):
            disturbAll(span)
            etcd.change(member) { $0.isIsolated = true }
            until(span) { [unowned self] in etcd.change(member) { $0.isIsolated = false } }
        case .leaderMoved: etcd.moveLeader()
        case .slowCommits(let delay, let span):
            disturbAll(span)
            etcd.slowness = delay
            until(span) { [unowned self] in etcd.slowness = 0 }
        case .lostAnswers(let count, let span):
            disturbAll(span)
            etcd.lostAnswers = count
            until(span) { [unowned self] in etcd.lostAnswers = 0 }
        case .compaction: etcd.compact()
        case .cutWatches: etcd.cutWatches()
        case .storeWiped:
            etcd.wipe()
            observer.storeWiped()
        case .agentFrozen(let host, let span):
            disturb(host, span)
            guard let process = hosts[host].process else { return }
            process.freeze()
            until(span) { process.thaw() }
        case .agentDies(let host, let span):
            disturb(host, span)
            hosts[host].crashAgent(restartAfter: min(span, end - now))
        case .guardDies(let host):
            disturb(host, Span.second)
            hosts[host].guardModel.die()
        case .agentHindered(let host, let span):
            disturb(host, span)
            hosts[host].hindrances += 1
            until(span) { [unowned self] in hosts[host].hindrances -= 1 }
            hosts[host].crashAgent(restartAfter: min(200 * Span.millisecond, end - now))
        case .agentRestarts(let host, let span):
            disturb(host, span)
            hosts[host].restartAgent(after: min(span, end - now))
        case .powerCut(let host, let span):
            disturb(host, span)
            hosts[host].cutPower()
            if span < .max { until(span) { [unowned self] in hosts[host].boot() } }
        case .shutDown(let host, let span):
            disturb(host, 70 * Span.second)
            hosts[host].shutDown(for: min(span, end - now))
        case .unitCrash(let host, let unit):
            hosts[host].systemd.exit(catalogue.units[unit])
        }
    }

    private func cut(_ host: Int, _ member: Int?, _ directions: Int, _ span: Int64) {
        disturb(host, span)
        let members = member.map { [$0] } ?? Array(etcd.members.indices)
        let paths = members.flatMap { member in
            NetworkModel.Direction.allCases.filter { directions >> $0.rawValue & 1 == 1 }.map { (member, $0) }
        }
        for (member, direction) in paths { network.cut(host, member, direction) }
        until(span) { [unowned self] in
            for (member, direction) in paths { network.heal(host, member, direction) }
        }
    }

    private func takeDown(_ members: [Int], _ span: Int64) {
        // Between two silences machines need a moment to renew: without it rule R4 does not hold, as its text says.
        if etcd.isBarelyBack { disturbAll(2 * Span.second) }
        for member in members { etcd.change(member) { $0.outages += 1 } }
        for member in members {
            // They do not all come back at one moment.
            until(span + random.between(0, Span.second)) { [unowned self] in etcd.change(member) { $0.outages -= 1 } }
        }
    }

    /// From now on, and for a while after the fault, this machine may have to fence itself.
    private func disturb(_ host: Int, _ span: Int64) { observer.disturbed(host, until: min(end, now + min(span, end))) }

    private func disturbAll(_ span: Int64) { for host in hosts.indices { disturb(host, span) } }
}
