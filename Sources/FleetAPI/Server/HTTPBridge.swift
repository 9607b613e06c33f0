// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle

/// Brings Hummingbird's requests to the service and its replies back.
struct HTTPBridge: HTTPResponder {
    typealias Context = ConnectionContext

    let service: APIService
    let recognition: any CallerRecognition
    let rates: RateLimit
    let listener: APIEndpoint
    /// The largest body of a request, in bytes.
    let bodyLimit: Int

    func respond(to request: Request, context: Context) async throws -> Response {
        let body = request.body
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        let origin = await context.origin(at: listener)
        let caller = await recognition.caller(at: origin)
        if let refusal = plainRefusal(request, caller) {
            return response(to: request, APIService.reply(to: refusal), caller, origin)
        }
        let limit = bodyLimit(of: request, from: caller)
        guard rates.admits(caller) else {
            let failure = ServerFailure(429, "too many requests at once; wait a second")
            return self.response(to: request, APIService.reply(to: failure), caller, origin)
        }
        let reply = await service.respond(
            to: ServerRequest(
                method: request.method.rawValue, target: request.head.path ?? "/",
                headers: request.headers.map { (name: $0.name.canonicalName, value: $0.value) },
                caller: caller,
                body: { () async throws(ServerFailure) in
                    guard announced <= limit else { throw Self.tooLarge(limit) }
                    return try await Self.read(body, limit: limit)
                }))
        return response(to: request, reply, caller, origin)
    }

    private func plainRefusal(_ request: Request, _ caller: Caller) -> ServerFailure? {
        var isKnown = true
        if case .unknown = caller.identity { isKnown = false }
        return PlainGate.refusal(
            target: request.head.path ?? "/", host: request.head.authority,
            origin: request.headers[.origin], at: listener, isKnown: isKnown)
    }

    /// The largest body that is taken, in bytes: a backup of a whole cluster may have more than any other request.
    private func bodyLimit(of request: Request, from caller: Caller) -> Int {
        guard case .user(.admin) = caller.identity, request.uri.path == API.ownPrefix + "/backup" else {
            return bodyLimit
        }
        return max(bodyLimit, 256 << 20)
    }

    private static func tooLarge(_ limit: Int) -> ServerFailure {
        ServerFailure(413, "the body is larger than the \(limit) bytes that a request may have")
    }

    private static func read(_ body: RequestBody, limit: Int) async throws(ServerFailure) -> [UInt8] {
        do {
            let buffer = try await body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge(limit)
        } catch {
            throw ServerFailure(400, "the body broke off")
        }
    }

    private func response(
        to request: Request, _ reply: ServerReply, _ caller: Caller, _ origin: ConnectionOrigin
    ) -> Response {
        var headers = HTTPFields()
        for header in reply.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            headers.append(HTTPField(name: name, value: header.value))
        }
        // The rest of a body that is too large is not worth reading.
        if reply.status == 413 { headers[.connection] = "close" }
        let status = HTTPResponse.Status(code: reply.status)
        switch reply.body {
        case .none:
            // HTTP forbids the field in these answers (RFC 9110, section 8.6).
            let length: HTTPFields = reply.status == 204 ? [:] : [.contentLength: "0"]
            return Self.bodiless(status, headers + length)
        case .bytes(let bytes):
            let response = Response(
                status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
            return request.method == .head ? response.createHeadResponse() : response
        case .events(let feed):
            return Response(status: status, headers: headers, body: stream(feed, for: request, caller, origin))
        case .stream(let stream):
            return Response(status: status, headers: headers, body: self.stream(stream, for: request, caller, origin))
        }
    }

    private static func bodiless(_ status: HTTPResponse.Status, _ headers: HTTPFields) -> Response {
        var response = Response(status: status, headers: headers)
        if status.code == 204 { response.headers[.contentLength] = nil }
        return response
    }

    /// Writes the body until the client goes, the server is asked to end, or the caller is no longer who he was.
    private func stream(
        _ feed: any ReplyStream, for request: Request, _ caller: Caller, _ origin: ConnectionOrigin
    ) -> ResponseBody {
        let incoming = request.body
        return ResponseBody { [recognition] writer in
            // Only the feed's own task writes, and this one again after the feed has ended.
            nonisolated(unsafe) var output = writer
            let watch = Task { await Self.closeWhenRefused(feed, caller, at: origin, by: recognition) }
            defer { watch.cancel() }
            try await withGracefulShutdownHandler {
                try await incoming.consumeWithInboundCloseHandler { _ in
                    try await feed.run { try await output.write(ByteBuffer(bytes: $0)) }
                } onInboundClosed: {
                    feed.close()
                }
            } onGracefulShutdown: {
                feed.close()
            }
            try await output.finish(nil)
        }
    }

    /// How often a stream's caller is looked up anew; `docs/security.md` promises an end within two seconds.
    private static let lookInterval = Duration.seconds(1)

    /// Ends a stream when its caller is revoked, gets another role, or shows a certificate that has ended meanwhile.
    private static func closeWhenRefused(
        _ feed: any ReplyStream, _ caller: Caller, at origin: ConnectionOrigin, by recognition: any CallerRecognition
    ) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: lookInterval)
            guard !Task.isCancelled, await recognition.caller(at: origin) != caller else { continue }
            return feed.close()
        }
    }
}
