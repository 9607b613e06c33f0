// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

extension APIService {
    /// Every path that is served, but for the roots, which answer nothing.
    package var routes: [Route] {
        Self.prefixes.flatMap(routes(under:)) + [
            Route(
                "/healthz", ["GET": { (_, _) async throws(ServerFailure) in try await health() }]),
            Route(
                "/openapi.json",
                ["GET": { (_, _) async throws(ServerFailure) in Self.json(bytes: Array(OpenAPIDocument.text.utf8)) }]),
        ] + extraRoutes
    }

    /// fleet's stable prefix and its older one, which are served alike.
    static let prefixes = [API.prefix, "/v1-alpha"]

    private func routes(under prefix: String) -> [Route] {
        [
            Route(
                prefix + "/units",
                ["GET": { (request, _) async throws(ServerFailure) in try await listUnits(request) }]),
            Route(
                prefix + "/units/{name}",
                [
                    "GET": { (request, names) async throws(ServerFailure) in try await readUnit(names[0], request) },
                    "PUT": { (request, names) async throws(ServerFailure) in try await putUnit(names[0], request) },
                    "DELETE": { (_, names) async throws(ServerFailure) in try await destroyUnit(names[0]) },
                ]),
            Route(
                prefix + "/units/{name}/restart",
                ["POST": { (_, names) async throws(ServerFailure) in try await restartUnit(names[0]) }]),
            Route(
                prefix + "/units/{name}/explain",
                ["GET": { (_, names) async throws(ServerFailure) in try await explainUnit(names[0]) }]),
            Route(
                prefix + "/state",
                ["GET": { (request, _) async throws(ServerFailure) in try await listStates(request) }]),
            Route(
                prefix + "/state/{name}",
                ["GET": { (_, names) async throws(ServerFailure) in try await readState(names[0]) }]),
            Route(
                prefix + "/machines",
                [
                    "GET": { (request, _) async throws(ServerFailure) in try await listMachines(request) },
                    "PATCH": { (request, _) async throws(ServerFailure) in try await patchMachines(request) },
                ]),
            Route(
                prefix + "/events",
                ["GET": { (request, _) async throws(ServerFailure) in try await openEvents(request) }]),
            Route(
                prefix + "/discovery", refusal: 400,
                [
                    "GET": { (_, _) async throws(ServerFailure) in
                        Self.json(bytes: Array(DiscoveryDocument.text.utf8))
                    }
                ]),
        ]
    }

    /// Whether requests can be served; `reason` says why not.
    func health(reason: String?) throws(ServerFailure) -> ServerReply {
        let health = API.Health(status: reason == nil ? "ok" : "unavailable", version: version, reason: reason)
        return try Self.json(health, status: reason == nil ? 200 : 503)
    }
}
