// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

/// Answers the API's requests; knows nothing of sockets.
package struct APIService: Sendable {
    let access: any ClusterAccess
    let version: String
    let keepAlive: Duration
    /// What is served; no handler uses it.
    private(set) var router: Router
    /// Keeps what was done; `nil` where nothing is kept.
    let audit: (any AuditKeeper)?
    /// What fleet's own client is told for a moment after it asked for a stop.
    let lag: FleetClientLag

    /// - Parameters:
    ///   - access: The cluster that is served.
    ///   - version: Our version, as the header `Server` and the health report show it.
    ///   - keepAlive: Pause between the comments that keep a stream of events open.
    ///   - extraRoutes: Paths of other subsystems; they come after the API's own.
    ///   - audit: Keeps what was done.
    ///   - lag: What fleet's own client is told for a moment after it asked for a stop.
    package init(
        access: any ClusterAccess, version: String, keepAlive: Duration = .seconds(15), extraRoutes: [Route] = [],
        audit: (any AuditKeeper)? = nil, lag: FleetClientLag = FleetClientLag()
    ) {
        self.lag = lag
        self.access = access
        self.version = version
        self.keepAlive = keepAlive
        self.audit = audit
        router = Router([])
        router = Router(ownRoutes + extraRoutes)
    }

    /// Answers `request`; a failure becomes an answer too.
    package func respond(to request: ServerRequest) async -> ServerReply {
        var reply: ServerReply
        let trail = await Trail(request, self)
        do {
            reply = await dated(try await route(request), to: request)
            await trail.end(reply, self)
        } catch {
            reply = Self.reply(to: error)
            await trail.end(reply, self, refusal: error.audit ?? error.message)
        }
        reply.headers.append((name: "Server", value: "fleetd/\(version)"))
        return reply
    }

    /// Answers a request that ends before anybody looks at what it asks for.
    func refuse(_ method: String, _ target: String, _ caller: Caller, _ failure: ServerFailure) async -> ServerReply {
        var reply = Self.reply(to: failure)
        await Trail(method, target, caller, self).end(reply, self, refusal: failure.audit ?? failure.message)
        reply.headers.append((name: "Server", value: "fleetd/\(version)"))
        return reply
    }

    private func route(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let path = RequestPath(request.path)
        // A stranger learns of nothing but what strangers may ask, not even what there is.
        let found = router.place(at: path)
        if case .unknown = request.caller.identity, found?.place.isOpen != true {
            try Permission.role(.viewer).check(request.caller, [])
        }
        if let reason = await access.ready() {
            if found?.place.route(for: request.method)?.call.path == APICall.readHealth.path {
                return try health(reason: ServerFailure.unavailable(reason).message)
            }
            throw .unavailable(reason)
        }
        if let target = path.redirection {
            let query = request.target.dropFirst(request.path.count)
            return ServerReply(status: 301, headers: [(name: "Location", value: target + query)])
        }
        if Self.roots.contains(path.segments) { throw ServerFailure(405) }
        guard let found else {
            throw ServerFailure(404, "there is no such path; see /fleet/v1/discovery, or /openapi.json for all")
        }
        return try await found.place.respond(request, found.parameters)
    }

    /// Paths that exist but answer nothing.
    private static let roots: Set<[String]> = [[""], ["fleet", "v1"], ["v1-alpha"]]

    // MARK: Replies

    static func json(_ value: some Encodable, status: Int = 200) throws(ServerFailure) -> ServerReply {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        do {
            return json(bytes: [UInt8](try encoder.encode(value)), status: status)
        } catch {
            throw ServerFailure(500, "the answer cannot be written as JSON")
        }
    }

    static func json(bytes: [UInt8], status: Int = 200) -> ServerReply {
        ServerReply(
            status: status, headers: [(name: "Content-Type", value: "application/json")], body: .bytes(bytes))
    }

    /// An answer without a body to a write that is committed at `revision`.
    static func written(_ status: Int, revision: Int64) -> ServerReply {
        ServerReply(status: status, headers: [(name: "Flotilla-Revision", value: String(revision))])
    }

    package static func reply(to failure: ServerFailure) -> ServerReply {
        let body = API.ErrorBody(
            code: failure.status, message: failure.message, askAt: failure.askAt, operation: failure.operation)
        var reply = (try? json(body, status: failure.status)) ?? ServerReply(status: failure.status)
        reply.closes = failure.closes
        if let seconds = failure.retryAfter { reply.headers.append((name: "Retry-After", value: "\(seconds)")) }
        return reply
    }

    // MARK: The cluster

    /// Runs `work` on the cluster; its failure becomes an answer.
    func cluster<Value: Sendable>(
        _ work: (any ClusterAccess) async throws(ClusterAccessError) -> Value
    ) async throws(ServerFailure) -> Value {
        do {
            return try await work(access)
        } catch {
            throw ServerFailure(error)
        }
    }
}
