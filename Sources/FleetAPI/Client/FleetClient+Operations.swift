// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

/// Handling machines and the whole cluster.
extension FleetClient {
    /// What is wanted of a machine, by its whole id, and how far that is.
    package func control(of machine: String) async throws(APIError) -> API.Control {
        try await ask(.readControl, [machine], action: "look at machine \(machine)")
    }

    /// `change` is `cordon`, `drain` or `uncordon`.
    package func control(_ machine: String, _ change: String) async throws(APIError) -> API.Control {
        try await ask(.control(change), [machine], action: "\(change) machine \(machine)")
    }

    /// Has a machine restart itself, in order.
    package func reboot(_ machine: String) async throws(APIError) {
        try await send(.rebootMachine, [machine], action: "reboot machine \(machine)")
    }

    package func brake() async throws(APIError) -> API.BrakeReport {
        try await ask(.readBrake, action: "look at the brake")
    }

    package func releaseBrake() async throws(APIError) {
        try await send(.releaseBrake, action: "release the brake")
    }

    /// All that users want of the cluster, as a file to keep.
    package func backup() async throws(APIError) -> [UInt8] {
        try await send(.readBackup, action: "back the cluster up").body
    }

    package func restore(
        _ backup: [UInt8], overwrite: Bool, withMembers: Bool = false
    ) async throws(APIError) -> API.Restoration {
        let query = (overwrite ? [("overwrite", "true")] : []) + (withMembers ? [("members", "true")] : [])
        return try await ask(.restoreBackup, query: query, body: backup, action: "restore the cluster")
    }

    /// How the machines stand to the store that answers them.
    package func storeSurvey() async throws(APIError) -> API.StoreSurvey {
        try await ask(.surveyStore, action: "look at the store")
    }

    /// Has every machine that the asked one knows of adopt the store `found`, where it refuses it.
    package func adoptStore(_ found: String) async throws(APIError) -> API.Adoption {
        try await ask(.adoptStore, giving: API.AdoptionOrder(found: found), action: "adopt the store")
    }

    /// How far etcd lets in those whom nobody has admitted, as the agent that is asked finds it.
    ///
    /// With `looksNow` the agent asks etcd first; otherwise it tells what it found last, which may be an hour old.
    package func storeOpenness(looksNow: Bool) async throws(APIError) -> API.StoreOpenness {
        try await ask(
            .readStoreOpenness, query: looksNow ? [("look", "now")] : [], action: "ask whether etcd takes strangers")
    }
}
