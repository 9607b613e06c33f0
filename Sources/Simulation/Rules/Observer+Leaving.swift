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
        guard wanted.isDraining, let epoch = transaction.epoch,
            transaction.steps.contains(where: { $0.unit == name && $0.reason.contains("drained") })
        else { return }
        if let former = drained[host], former.epoch == epoch, former.unit != change.key.subject,
            // A unit that is kept may have been taken over while its machine was away.
            running[former.unit][host].map({ !$0.isKept }) ?? false
        {
            violate(.leaving, "\(name) leaves \(machine) before \(world.catalogue.units[former.unit]) has left")
        }
        drained[host] = (epoch, change.key.subject)
    }
}
