// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// Where the cluster answers and how patient to be with it.
package struct ConnectionSettings: Hashable, Sendable {
    /// The endpoint as the user wrote it.
    package var endpoint: String
    /// How long one request may take.
    package var requestTimeout: Duration

    package static let standardEndpoint = "unix:/run/flotilla/api.sock"
    package static let standardTimeout: Duration = .seconds(30)

    /// Takes the command line's word, else `FLOTILLA_ENDPOINT`, else fleet's `FLEETCTL_ENDPOINT`, else the local agent.
    ///
    /// Of a list, which fleet allows, the first counts, as with fleet.
    package init(endpoint: String?, requestTimeout: Duration?, environment: [String: String]) {
        let named = [endpoint, environment["FLOTILLA_ENDPOINT"], environment["FLEETCTL_ENDPOINT"]]
        let chosen = named.compactMap { $0 }.first { !$0.isEmpty } ?? Self.standardEndpoint
        var first = String(chosen.split(separator: ",").first ?? "")
        // fleet's second spelling of a unix socket.
        if first.hasPrefix("file://") { first = "unix://" + first.dropFirst("file://".count) }
        self.endpoint = first
        self.requestTimeout = requestTimeout ?? Self.standardTimeout
    }

    /// The endpoint as ssh's port forwarding names it: a socket's path, or `HOST:PORT`.
    ///
    /// - Throws: `ClusterManagerError.usage` for text that names no endpoint.
    package func tunnelTarget() throws -> String {
        do {
            switch try APIEndpoint(endpoint) {
            case .unix(let path): return path
            case .tcp(let host, let port), .tls(let host, let port): return APIEndpoint.authority(host, port)
            }
        } catch {
            throw ClusterManagerError(error)
        }
    }
}
