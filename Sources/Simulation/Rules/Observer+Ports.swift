// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Two units that ask for one port never share a machine.
extension Observer {
    /// A unit, or a new file of it, is sent where the leader knew of no other unit with one of its ports.
    ///
    /// Other units count by the files that users want of them, as they do for the engine: a file that replaces another counts
    /// at once, wherever its unit stands.
    func checkPorts(_ change: StoreChange, _ transaction: StoreTransaction) {
        guard case .assignment(let order)? = change.entry?.value else {
            orderedFile[change.key] = nil
            return
        }
        // Who is ordered the same once more was tested when it came.
        guard orderedFile.updateValue(order.hash, forKey: change.key) != order.hash,
            let ports = ports(of: order.unit, hash: order.hash), !ports.isEmpty
        else { return }
        let entries = world.etcd.store.entries
        let host = change.key.machine
        for unit in world.catalogue.units.indices where unit != change.key.subject {
            guard entries[.schedule(host, unit)] != nil, let entry = entries[.unit(unit)],
                entry.modified <= transaction.view, case .unit(let other) = entry.value,
                let port = self.ports(of: other.name, hash: other.hash)?.first(where: ports.contains)
            else { continue }
            violate(
                .ports,
                "\(order.unit) is sent to \(world.catalogue.name(ofHost: host)), where \(other.name) has port \(port), too"
            )
        }
    }

    private func ports(of unit: UnitName, hash: ContentHash) -> [Port]? {
        world.catalogue.variant(of: unit, hash: hash)?.options.ports
    }
}
