// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient

extension FleetClientAdapter {
    /// Makes a client for an endpoint; no connection is made before the first request.
    ///
    /// - Throws: `ClusterManagerError.usage` for text that names no endpoint.
    package static func connect(_ settings: ConnectionSettings) throws -> any FleetService {
        do {
            let endpoint = try APIEndpoint(settings.endpoint)
            return FleetClientAdapter(FleetClient(endpoint: endpoint, deadline: settings.requestTimeout))
        } catch {
            throw ClusterManagerError(error)
        }
    }
}
