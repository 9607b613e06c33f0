// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// How units that run once came to their end.
    ///
    /// Machines write them, under any name, so a name that is none must not spoil a backup.
    package static let results = RecordKind<FreeName, ResultEntry>(
        "results/<unit>", lease: .none, agents: [.readAndWrite(.all)], backup: .saved(.withUnit, into: .anyCluster),
        events: nil)
}

extension RegistryKeys {
    package var results: KeySelector { all(Records.results) }
    package func result(_ name: UnitName) -> String { key(Records.results, FreeName(name.rawValue)) }
}

/// The value of `results/<unit>`: how a unit that runs once came to its end.
///
/// It hangs on no session, so that the machine's loss does not bring the work back.
package struct ResultEntry: StoredRecord {
    package var machine: MachineID
    package var hash: ContentHash
    package var restarts: Int
    package var isSuccess: Bool
    package var moment: Int64

    package init(_ completion: Completion) {
        machine = completion.machine
        hash = completion.hash
        restarts = completion.restarts
        isSuccess = completion.isSuccess
        moment = completion.moment
    }

    package init(_ object: JSONObject) throws(RecordError) {
        machine = try object.required("machine", "32 hexadecimal digits") { MachineID($0) }
        hash = try object.required("hash", "40 hexadecimal digits") { ContentHash($0) }
        restarts = try object.integer("restarts", as: Int.self) ?? 0
        isSuccess = try object.required("result", "success or failed") { ["success": true, "failed": false][$0] }
        moment = try object.integer("ended", as: Int64.self) ?? 0
    }

    package func write(to object: inout JSONObject) {
        object["machine"] = .string(machine.rawValue)
        object["hash"] = .string(hash.rawValue)
        object["restarts"] = .number(restarts)
        object["result"] = .string(isSuccess ? "success" : "failed")
        object["ended"] = .number(moment)
    }

    package func completion(_ unit: UnitName) -> Completion {
        Completion(
            unit: unit, machine: machine, hash: hash, restarts: restarts, isSuccess: isSuccess, moment: moment)
    }
}
