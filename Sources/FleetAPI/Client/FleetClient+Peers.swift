// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

/// What agents ask one another.
extension FleetClient {
    /// Has the peer renew the lease of machine `machine`, which must be the caller's own.
    ///
    /// - Returns: Seconds that the lease now has, 0 when it no longer exists; or the proof that the peer has instead.
    package func renew(_ renewal: API.Renewal, of machine: String) async throws(APIError) -> API.RenewalAnswer {
        try await ask(.renewSession, [machine], giving: renewal, action: "have a session renewed")
    }

    /// Has the peer end the lead of machine `machine`, which must be the caller's own.
    ///
    /// No error when the lead has ended already.
    package func resign(epoch: Int64, of machine: String) async throws(APIError) {
        let action = "have a lead ended"
        let body = try encode(API.Resignation(epoch: epoch), action: action)
        try await send(.resignLead, [machine], body: body, action: action)
    }

    /// Has the peer restart itself, in order.
    package func rebootPeer() async throws(APIError) {
        try await send(.rebootPeer, action: "have a machine restart")
    }

    /// How the peer stands to the store that answers it.
    package func peerStore() async throws(APIError) -> API.StoreReport {
        try await ask(.readPeerStore, action: "look at a machine's store")
    }

    /// Has the peer, and nobody else, adopt the store `found`.
    package func adoptPeerStore(_ found: String) async throws(APIError) -> API.Adoption.Outcome {
        try await ask(
            .adoptPeerStore, giving: API.AdoptionOrder(found: found), action: "have a machine adopt the store")
    }
}
