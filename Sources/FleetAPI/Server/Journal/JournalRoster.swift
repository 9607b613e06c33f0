// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore

/// Which machines a client's journal is read from, and which of them have been taken in.
struct JournalRoster {
    struct Found {
        var sources: [(record: MachineRecord, source: any JournalSource)] = []
        var notices: [API.JournalNotice] = []
    }

    /// More machines are not asked for one client; it may name others.
    private static let limit = 256

    private let query: API.JournalQuery
    private let sources: JournalSources
    private var isFirst = true
    private var taken: Set<MachineID> = []
    private var missed: Set<MachineID> = []
    private var toldOfLimit = false

    init(_ query: API.JournalQuery, _ sources: JournalSources) {
        self.query = query
        self.sources = sources
    }

    /// The machines that `cluster` adds to those taken in before.
    mutating func look(at cluster: ClusterState) -> Found {
        var found = Found()
        let places = places(in: cluster)
        isFirst = false
        for machine in places where !taken.contains(machine) {
            guard let record = cluster.machines[machine] else {
                if missed.insert(machine).inserted {
                    found.notices.append(note("is away, so its entries are missing", machine))
                }
                continue
            }
            guard let source = sources.source(of: record) else {
                if missed.insert(machine).inserted {
                    found.notices.append(
                        note("cannot be asked: its agent serves no API on the network (api-listen)", machine))
                }
                continue
            }
            guard taken.count < Self.limit else {
                if !toldOfLimit {
                    let text = "only \(Self.limit) of \(places.count) machines are asked; name others with machine="
                    found.notices.append(API.JournalNotice(text))
                }
                toldOfLimit = true
                break
            }
            taken.insert(machine)
            found.sources.append((record, source))
        }
        return found
    }

    private func note(_ text: String, _ machine: MachineID) -> API.JournalNotice {
        API.JournalNotice(text, machine: machine.rawValue)
    }

    /// The machines to ask, by id.
    private func places(in cluster: ClusterState) -> [MachineID] {
        if !query.machines.isEmpty { return Set(query.machines.compactMap(MachineID.init)).sorted() }
        var places: Set<MachineID> = []
        for name in query.units.map(UnitName.init(unchecked:)) {
            let own = Set((cluster.states[name] ?? [:]).keys).union((cluster.assignments[name] ?? [:]).keys)
            // Where a unit that is nowhere now has run before, nobody has written down; any machine may know it.
            places.formUnion(own.isEmpty && isFirst ? Set(cluster.machines.keys) : own)
        }
        return places.sorted()
    }
}
