// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
package import FleetAPIClient

extension FleetClientAdapter {
    /// Makes a client for an endpoint; no connection is made before the first request.
    ///
    /// - Throws: `ClusterManagerError.usage` for text that names no endpoint.
    package static func connect(_ settings: ConnectionSettings) throws -> any FleetService {
        FleetClientAdapter(try client(settings), ages: settings.ages)
    }

    /// The same without the commands' own words, for what fleet has no notion of.
    ///
    /// - Parameters:
    ///   - settings: Where to ask, and as whom.
    ///   - observer: Tells of the exchanges, if anybody wants to know.
    /// - Returns: A client that has not connected yet.
    /// - Throws: `ClusterManagerError.usage` for text that names no endpoint, or one with TLS without a profile.
    package static func client(
        _ settings: ConnectionSettings, observer: RequestObserver? = nil
    ) throws -> FleetClient {
        let endpoint: APIEndpoint
        do {
            endpoint = try APIEndpoint(settings.endpoint)
        } catch {
            throw ClusterManagerError(error)
        }
        if case .tls = endpoint, settings.tls == nil {
            throw ClusterManagerError(
                .usage,
                "\(endpoint) asks for a certificate, and there is no profile in use; get one from an administrator "
                    + "(cluster-manager user add), then: cluster-manager profile add FILE")
        }
        let first = ChoosingTransport.Choice(
            endpoint: endpoint.description, transport: CurlTransport(endpoint: endpoint, tls: settings.tls))
        let choosing = ChoosingTransport(first: first, ages: settings.ages) {
            let anew = settings.chosenAnew()
            guard anew.endpoint != settings.endpoint, let endpoint = try? APIEndpoint(anew.endpoint) else {
                return first
            }
            return ChoosingTransport.Choice(
                endpoint: endpoint.description, transport: CurlTransport(endpoint: endpoint, tls: anew.tls))
        }
        // As the same user; root at a socket is nobody elsewhere, and is told where to ask.
        let transport: any APITransport =
            settings.tls.map { tls -> any APITransport in
                FollowingTransport(choosing) { CurlTransport(endpoint: $0, tls: tls) }
            } ?? choosing
        let told: any APITransport = observer.map { ObservedTransport(transport: transport, observer: $0) } ?? transport
        return FleetClient(
            endpoint: endpoint, transport: told, deadline: settings.requestTimeout,
            advice: "--endpoint or FLOTILLA_ENDPOINT names another address")
    }
}
