// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

/// Handling machines and the whole cluster.
extension FleetClient {
    /// What is wanted of a machine, by its whole id, and how far that is.
    package func control(of machine: String) async throws(APIError) -> API.Control {
        try await ask(
            "GET", "\(API.ownPrefix)/machines/\(Self.escape(machine))/control", action: "look at machine \(machine)")
    }

    /// `change` is `cordon`, `drain` or `uncordon`.
    package func control(_ machine: String, _ change: String) async throws(APIError) -> API.Control {
        try await ask(
            "POST", "\(API.ownPrefix)/machines/\(Self.escape(machine))/\(change)", isRepeatable: true,
            action: "\(change) machine \(machine)")
    }

    /// Has a machine restart itself, in order.
    package func reboot(_ machine: String) async throws(APIError) {
        try await order(
            "POST", "\(API.ownPrefix)/machines/\(Self.escape(machine))/reboot", action: "reboot machine \(machine)")
    }

    package func brake() async throws(APIError) -> API.BrakeReport {
        try await ask("GET", "\(API.ownPrefix)/brake", action: "look at the brake")
    }

    package func releaseBrake() async throws(APIError) {
        try await order("DELETE", "\(API.ownPrefix)/brake", action: "release the brake")
    }

    /// All that users want of the cluster, as a file to keep.
    package func backup() async throws(APIError) -> [UInt8] {
        let action = "back the cluster up"
        let answer = try await exchange("GET", target: "\(API.ownPrefix)/backup", body: [], action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
        return answer.body
    }

    package func restore(
        _ backup: [UInt8], overwrite: Bool, withMembers: Bool = false
    ) async throws(APIError) -> API.Restoration {
        let query = (overwrite ? ["overwrite=true"] : []) + (withMembers ? ["members=true"] : [])
        return try await ask(
            "PUT", "\(API.ownPrefix)/backup\(query.isEmpty ? "" : "?" + query.joined(separator: "&"))", body: backup,
            action: "restore the cluster")
    }

    /// How the machines stand to the store that answers them.
    package func storeSurvey() async throws(APIError) -> API.StoreSurvey {
        try await ask("GET", "\(API.ownPrefix)/store", action: "look at the store")
    }

    /// Has every machine that the asked one knows of adopt the store `found`, where it refuses it.
    package func adoptStore(_ found: String) async throws(APIError) -> API.Adoption {
        let action = "adopt the store"
        let body = try encode(API.AdoptionOrder(found: found), action: action)
        return try await ask("POST", "\(API.ownPrefix)/store/adoption", body: body, isRepeatable: true, action: action)
    }

    /// How far etcd lets in those whom nobody has admitted, as the agent that is asked finds it.
    ///
    /// With `looksNow` the agent asks etcd first; otherwise it tells what it found last, which may be an hour old.
    package func storeOpenness(looksNow: Bool) async throws(APIError) -> API.StoreOpenness {
        let query = looksNow ? "?look=now" : ""
        return try await ask(
            "GET", "\(API.ownPrefix)/store/openness\(query)", action: "ask whether etcd takes strangers")
    }

    private func order(_ method: String, _ target: String, action: String) async throws(APIError) {
        let answer = try await exchange(method, target: target, body: [], action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
    }
}
