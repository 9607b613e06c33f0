// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIServer

/// All that an agent answers beside what every API server does; together they serve each call of `APICall.all`.
struct ServedRoutes: Sendable {
    let peers: PeerRoutes
    /// `nil` where there are no identities.
    let identities: IdentityRoutes?
    let journals: JournalRoutes
    let operators: OperatorRoutes
    let operations: OperationRoutes
    let stores: StoreRoutes
    /// `nil` where there are no identities.
    let gate: StoreGate?
    let openness: StoreWatch

    var all: [Route] {
        let ofCluster =
            peers.routes + (identities?.routes ?? []) + journals.routes + operators.routes
            + operations.routes
        return ofCluster + stores.routes + (gate?.routes ?? []) + [openness.route]
    }
}
