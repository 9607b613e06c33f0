// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

/// What agents ask one another.
extension FleetClient {
    /// Has the peer renew the lease of machine `machine`, which must be the caller's own.
    ///
    /// - Returns: Seconds that the lease now has, 0 when it no longer exists; or the proof that the peer has instead.
    package func renew(_ renewal: API.Renewal, of machine: String) async throws(APIError) -> API.RenewalAnswer {
        let action = "have a session renewed"
        let body = try encode(renewal, action: action)
        let target = "\(API.ownPrefix)/machines/\(Self.escape(machine))/renewal"
        return try await ask("POST", target, body: body, action: action)
    }

    /// Has the peer end the lead of machine `machine`, which must be the caller's own.
    ///
    /// No error when the lead has ended already.
    package func resign(epoch: Int64, of machine: String) async throws(APIError) {
        let action = "have a lead ended"
        let body = try encode(API.Resignation(epoch: epoch), action: action)
        let target = "\(API.ownPrefix)/machines/\(Self.escape(machine))/resignation"
        let answer = try await exchange("POST", target: target, body: body, action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
    }

    /// Has the peer restart itself, in order.
    package func rebootPeer() async throws(APIError) {
        let action = "have a machine restart"
        let answer = try await exchange("POST", target: "\(API.ownPrefix)/peer/reboot", body: [], action: action)
        guard (200..<300).contains(answer.status) else { throw refusal(of: answer, action: action) }
    }

    /// How the peer stands to the store that answers it.
    package func peerStore() async throws(APIError) -> API.StoreReport {
        try await ask("GET", "\(API.ownPrefix)/peer/store", action: "look at a machine's store")
    }

    /// Has the peer, and nobody else, adopt the store `found`.
    package func adoptPeerStore(_ found: String) async throws(APIError) -> API.Adoption.Outcome {
        let action = "have a machine adopt the store"
        let body = try encode(API.AdoptionOrder(found: found), action: action)
        return try await ask("POST", "\(API.ownPrefix)/peer/store/adoption", body: body, action: action)
    }
}
