// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

extension APIService {
    /// Every call that is served.
    package var routes: [Route] { router.routes }

    /// fleet's older prefix, whose paths are served as those below its stable one.
    private static let olderPrefix = "/v1-alpha"

    /// What this service answers itself.
    var ownRoutes: [Route] {
        fleetRoutes + fleetRoutes.map { $0.moved(from: API.prefix, to: Self.olderPrefix) } + [
            Route(.readHealth) { (_, _) async throws(ServerFailure) in try await health() },
            Route(.readOpenAPI) { (_, _) async throws(ServerFailure) in
                Self.json(bytes: Array(OpenAPIDocument.text.utf8))
            },
        ]
    }

    private var fleetRoutes: [Route] {
        [
            Route(.listUnits) { (request, _) async throws(ServerFailure) in try await listUnits(request) },
            Route(.readUnit) { (request, names) async throws(ServerFailure) in try await readUnit(names[0], request) },
            Route(.putUnit) { (request, names) async throws(ServerFailure) in try await putUnit(names[0], request) },
            Route(.destroyUnit) { (_, names) async throws(ServerFailure) in try await destroyUnit(names[0]) },
            Route(.restartUnit) { (_, names) async throws(ServerFailure) in try await restartUnit(names[0]) },
            Route(.explainUnit) { (_, names) async throws(ServerFailure) in try await explainUnit(names[0]) },
            Route(.listStates) { (request, _) async throws(ServerFailure) in try await listStates(request) },
            Route(.readState) { (_, names) async throws(ServerFailure) in try await readState(names[0]) },
            Route(.listMachines) { (request, _) async throws(ServerFailure) in try await listMachines(request) },
            Route(.patchMachines) { (request, _) async throws(ServerFailure) in try await patchMachines(request) },
            Route(.followEvents) { (request, _) async throws(ServerFailure) in try await openEvents(request) },
            Route(.readDiscovery, refusal: 400) { (_, _) async throws(ServerFailure) in
                Self.json(bytes: Array(DiscoveryDocument.text.utf8))
            },
        ]
    }

    /// Whether requests can be served; `reason` says why not.
    func health(reason: String?) throws(ServerFailure) -> ServerReply {
        let health = API.Health(status: reason == nil ? "ok" : "unavailable", version: version, reason: reason)
        return try Self.json(health, status: reason == nil ? 200 : 503)
    }
}
