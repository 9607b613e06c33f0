// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetAPI
import FleetCore
import Registry

/// How this machine stands to the store that answers it, and the operator's word for that store: rule R8.
struct StoreQuestion: Sendable {
    let file: SessionFile
    let folder: UnitFolder
    /// etcd as the settings say, without anything of the store that is remembered.
    let etcd: EtcdConfiguration
    let cluster: ClusterName
    let machine: MachineID
    let name: String
    /// The agent's own login, whose password changes while it runs; `nil` where `etcd` has all there is.
    var login: OwnLogin?

    private var present: EtcdConfiguration { login?.configuration ?? etcd }

    /// What an operator has to know before deciding.
    func report() async -> API.StoreReport {
        let units = await folder.files().map(\.unit)
        let saved = file.saved()
        var report = API.StoreReport(
            machine: machine.rawValue, name: name, isRefused: saved?.isRefused == true,
            known: saved?.storeID.map(Self.hex), units: units.map(\.rawValue))
        guard report.isRefused else { return report }
        do throws(EtcdError) {
            // A client of its own, which never knew the former store, may look at this one.
            let client = try EtcdClient(present)
            report.found = Self.hex(try await client.clusterID())
            let keys = ClusterRegistry(store: client, cluster: cluster).keys
            let wanted = try await client.get(keys.units, revision: 0).keys
            report.wanted = wanted.count
            let known = Set(wanted.compactMap { keys.name(of: $0.key, Records.units) })
            report.unknown = units.filter { !known.contains($0) }.map(\.rawValue)
        } catch {
            report.problem = error.message
        }
        return report
    }

    /// Has the agent adopt the store, if it refuses one and that is `found`.
    ///
    /// The agent ends within one renewal of its session, and systemd starts it anew.
    func adopt(_ found: String) async -> API.Adoption.Outcome {
        func outcome(_ isDone: Bool, _ words: String) -> API.Adoption.Outcome {
            API.Adoption.Outcome(machine: machine.rawValue, name: name, isDone: isDone, words: words)
        }
        guard file.saved()?.isRefused == true else { return outcome(true, "refuses no store") }
        do {
            let present = Self.hex(try await EtcdClient(present).clusterID())
            guard present == found else {
                return outcome(false, "finds etcd cluster \(present) there, not \(found)")
            }
            try file.requestAdoption()
            return outcome(true, "adopts")
        } catch let error as EtcdError {
            return outcome(false, error.message)
        } catch {
            return outcome(false, "\(error)")
        }
    }

    private static func hex(_ id: UInt64) -> String { String(id, radix: 16) }
}
