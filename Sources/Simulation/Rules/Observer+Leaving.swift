// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What an operator may rely on after `cordon` and `drain`.
extension Observer {
    /// A closed machine takes no new unit, and hands over one unit at a time.
    func checkLeaving(_ change: StoreChange, _ transaction: StoreTransaction) {
        let host = change.key.machine
        guard let entry = world.etcd.store.entries[.control(host)], entry.modified <= transaction.view,
            case .control(let wanted) = entry.value
        else { return }
        let name = world.catalogue.units[change.key.subject]
        let machine = world.catalogue.name(ofHost: host)
        if let placed = change.entry {
            guard placed.created == placed.modified else { return }
            return violate(.leaving, "\(name) is placed on \(machine), which is closed to new units")
        }
        guard wanted.isDraining,
            transaction.steps.contains(where: { $0.unit == name && $0.reason.contains("drained") })
        else { return }
        if let former = drained[host], former != change.key.subject,
            // A unit that is kept may have been taken over while its machine was away.
            running[former][host].map({ !$0.isKept }) ?? false
        {
            violate(.leaving, "\(name) leaves \(machine) before \(world.catalogue.units[former]) has left")
        }
        if let former = arriving[host], former != change.key.subject, isPlaced(former, transaction.view) {
            violate(.leaving, "\(name) leaves \(machine) before \(world.catalogue.units[former]) is up elsewhere")
        }
        drained[host] = change.key.subject
        arriving[host] = change.key.subject
    }

    /// Whether the leader knew of a place of the unit on a machine that lives.
    private func isPlaced(_ unit: Int, _ view: Int64) -> Bool {
        let entries = world.etcd.store.entries
        return world.hosts.indices.contains { host in
            entries[.machine(host)] != nil && (entries[.schedule(host, unit)]?.modified ?? .max) <= view
        }
    }

    /// Units that left a machine are followed until they have come to rest where they went, or are no longer wanted.
    func noteArrivals(_ commit: StoreCommit) {
        for change in commit.changes {
            let hasArrived: Bool
            switch (change.key.kind, change.entry?.value) {
            case (.machine, nil):
                // While its machine is lost the unit may fit nowhere else, and the next one goes.
                arriving = arriving.filter {
                    world.etcd.store.entries[.schedule(change.key.machine, $0.value)] == nil
                }
                continue
            case (.unit, .unit(let unit)?): hasArrived = unit.target == .inactive
            case (.unit, nil): hasArrived = true
            case (.state, .some), (.schedule, .some): hasArrived = isSettled(change.key.subject, on: change.key.machine)
            default: continue
            }
            guard hasArrived else { continue }
            arriving = arriving.filter { $0.value != change.key.subject }
        }
    }

    /// Whether a machine has done what it can about what it is ordered of the unit.
    func isSettled(_ unit: Int, on host: Int) -> Bool {
        let entries = world.etcd.store.entries
        guard case .assignment(let order)? = entries[.schedule(host, unit)]?.value,
            case .state(let state)? = entries[.state(host, unit)]?.value
        else { return false }
        return state.isSettled(for: order.target)
    }
}
