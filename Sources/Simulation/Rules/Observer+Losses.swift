// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Rule R10: when most machines vanish at once, nothing is taken over from them.
extension Observer {
    /// Many machines vanished, as etcd saw it.
    struct Suspicion {
        /// The revision at which there were enough of them.
        var revision: Int64
        var lost: Set<Int>
        var seen: Int
        /// When the first of them vanished.
        var start: Int64
    }

    /// Leaders count losses within a session's lifetime as they hear of them; half of it leaves room for what is late.
    private static let window = Int64(SessionShell.ttl) * Span.second / 2

    func noteLosses(_ commit: StoreCommit) {
        let entries = world.etcd.store.entries
        for change in commit.changes where change.key.kind == .machine {
            let host = change.key.machine
            if change.entry != nil {
                losses[host] = nil
            } else if isLongKnown(host), !isDraining(host) {
                losses[host] = world.now
            }
        }
        if commit.changes.contains(where: { $0.key == .brake && $0.entry == nil }) {
            suspicion = nil
            losses = [:]
        }
        if let known = suspicion {
            let missing = known.lost.count { entries[.machine($0)] == nil }
            if !Brake.holds(missing, of: known.seen) { suspicion = nil }
        } else {
            // One that is drained while it is away is given up by its operator.
            let recent = losses.filter { world.now - $0.value < Self.window && !isDraining($0.key) }
            let seen = recent.count + world.hosts.count { entries[.machine($0.index)] != nil && !isDraining($0.index) }
            guard Brake.holds(recent.count, of: seen) else { return }
            suspicion = Suspicion(
                revision: commit.revision, lost: Set(recent.keys), seen: seen, start: recent.values.min() ?? world.now)
        }
    }

    private func isDraining(_ host: Int) -> Bool {
        guard case .control(let wanted)? = world.etcd.store.entries[.control(host)]?.value else { return false }
        return wanted.isDraining
    }

    /// Whether leaders have had the time to take note of the machine.
    private func isLongKnown(_ host: Int) -> Bool { world.now - recordSince[host] > 10 * Span.second }

    /// A step that takes over from a machine must not have been planned in view of so many losses.
    func checkTakeovers(_ transaction: StoreTransaction) {
        guard let suspicion, transaction.view >= suspicion.revision, let leader = leaderHost,
            disturbance(of: leader) < suspicion.start
        else { return }
        guard let step = transaction.steps.first(where: { $0.absent != nil }) else { return }
        let names = suspicion.lost.sorted().map { world.catalogue.name(ofHost: $0) }.joined(separator: ", ")
        violate(
            .r10, "\(step.unit) is taken over, though \(names) of \(suspicion.seen) machines have vanished at once")
    }

    private var leaderHost: Int? {
        guard case .leader(let machine)? = world.etcd.store.entries[.leader]?.value else { return nil }
        return world.hostIndex(of: machine)
    }
}
