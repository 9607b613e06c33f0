// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPIClient
import FleetAPIServer

/// Carries the client's requests straight into the API's service, bytes and all, without a socket.
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
