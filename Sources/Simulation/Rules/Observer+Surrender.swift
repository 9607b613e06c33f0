// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Giving a session up: one machine in a lifetime, and only while two thirds of the machines take units.
extension Observer {
    struct Surrenders {
        var last: Int64?
        /// Since when too few machines take units, as etcd has it; `nil` while there are enough.
        var tooFewSince: Int64?
    }

    func noteAble(_ commit: StoreCommit) {
        guard commit.changes.contains(where: { $0.key.kind == .machine }) else { return }
        let records = world.hosts.compactMap { host -> MachineRecord? in
            guard case .machine(let record)? = world.etcd.store.entries[.machine(host.index)]?.value else { return nil }
            return record
        }
        let isEnough = records.count { !$0.isClosed } * 3 >= records.count * 2
        surrenders.tooFewSince = isEnough ? nil : surrenders.tooFewSince ?? world.now
    }

    func gaveUp(_ host: Int) {
        let name = world.catalogue.name(ofHost: host)
        world.mix(UInt64(4 << 20 | host))
        // Clocks are up to 1 % off.
        if let last = surrenders.last, world.now - last < Int64(SessionShell.ttl) * Span.second * 98 / 100 {
            violate(.surrender, "\(name) gives its session up within a lifetime of another machine")
        }
        // What it read last is as old as its turn is valid.
        if let since = surrenders.tooFewSince, world.now - since > Span.second * 102 / 100 {
            violate(.surrender, "\(name) gives its session up, and too few machines take units")
        }
        surrenders.last = world.now
    }
}
