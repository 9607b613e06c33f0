// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FoundationEssentials
import Logging
import Testing

/// The two ways in which tests reach the API; each exchange is replayed over both.
enum Reach: CaseIterable, Sendable {
    /// Straight into the service, without HTTP.
    case inProcess
    /// A server on a unix socket, asked by our client's transport.
    case unixSocket
}

/// One answer, as tests look at it.
struct Answer: Sendable {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

    var json: JSON {
        get throws { try JSON(parsing: body) }
    }
}

/// Asks one API.
struct Asker: Sendable {
    let transport: any APITransport

    func callAsFunction(
        _ method: String, _ target: String, body: String? = nil,
        headers: [(name: String, value: String)] = [(name: "Content-Type", value: "application/json")]
    ) async throws -> Answer {
        let response = try await transport.send(
            TransportRequest(
                method: method, target: target, headers: body == nil ? [] : headers, body: Array((body ?? "").utf8),
                deadline: .seconds(60)))
        return Answer(status: response.status, headers: response.headers, body: response.body)
    }

    func client() -> FleetClient { FleetClient(endpoint: .unix(path: "/test.sock"), transport: transport) }
}

/// Carries requests straight into a service.
struct DirectTransport: APITransport {
    let service: APIService

    private func ask(_ request: TransportRequest) async -> ServerReply {
        let body = request.body
        return await service.respond(
            to: ServerRequest(
                method: request.method, target: request.target, headers: request.headers, caller: .itself,
                body: { () async throws(ServerFailure) in body }))
    }

    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        let reply = await ask(request)
        guard case .bytes(let bytes) = reply.body else {
            return TransportResponse(status: reply.status, headers: reply.headers)
        }
        return TransportResponse(status: reply.status, headers: reply.headers, body: bytes)
    }

    func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        let reply = await ask(request)
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        switch reply.body {
        case .none: continuation.finish()
        case .bytes(let bytes):
            continuation.yield(bytes)
            continuation.finish()
        case .stream(let feed): pump(feed, into: continuation)
        }
        return TransportStream(status: reply.status, headers: reply.headers, body: stream)
    }

    private func pump(
        _ feed: any ReplyStream, into continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    ) {
        let pump = Task {
            do {
                try await feed.run { continuation.yield($0) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in
            feed.close()
            pump.cancel()
        }
    }
}

/// Makes the API of `cluster` reachable while `body` runs.
func withAPI<Value>(
    _ reach: Reach, _ cluster: MemoryCluster, _ body: (Asker) async throws -> Value
) async throws -> Value {
    switch reach {
    case .inProcess:
        return try await body(Asker(transport: DirectTransport(service: APIService(access: cluster, version: "9.9"))))
    case .unixSocket:
        return try await withServer(cluster) { endpoint in
            try await body(Asker(transport: CurlTransport(endpoint: endpoint)))
        }
    }
}

/// Runs a server on a unix socket in a folder of its own, or at `listener`, while `body` runs.
func withServer<Value>(
    _ cluster: MemoryCluster, at listener: APIEndpoint? = nil, limits: FleetAPIServer.Limits = FleetAPIServer.Limits(),
    _ body: (APIEndpoint) async throws -> Value
) async throws -> Value {
    try await withTemporaryFolder { folder in
        let (listening, isListening) = AsyncStream<APIEndpoint>.makeStream()
        let server = FleetAPIServer(
            access: cluster, listeners: [listener ?? .unix(path: "\(folder)/api.sock")], version: "9.9", limits: limits,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onListening: { isListening.yield($0) })
        let running = Task {
            defer { isListening.finish() }
            try await server.run()
        }
        var endpoints = listening.makeAsyncIterator()
        guard let endpoint = await endpoints.next() else {
            try await running.value
            throw TransportFailure(.unreachable, "the server ended before it listened")
        }
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(endpoint))
        } catch {
            result = .failure(error)
        }
        running.cancel()
        _ = await running.result
        return try result.get()
    }
}

/// A folder that is gone afterwards.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = "\(FileManager.default.temporaryDirectory.path)/flotilla-api-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

/// Waits until `condition` holds; gives up after a generous while.
func eventually(_ condition: @Sendable () -> Bool, _ comment: Comment, location: SourceLocation = #_sourceLocation)
    async throws
{
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(150)
    while !condition() {
        guard clock.now < deadline else {
            Issue.record(comment, sourceLocation: location)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
