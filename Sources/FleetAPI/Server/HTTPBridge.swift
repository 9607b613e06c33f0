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
    let load: ServerLoad
    let listener: APIEndpoint

    func respond(to request: Request, context: Context) async throws -> Response {
        let origin = await context.origin(at: listener)
        let caller = await recognition.caller(at: origin)
        let memory = AnswerMemory(load.answers, caller, load.bounds[caller.group])
        let reply: ServerReply
        if let refusal = refusal(of: request, from: caller, context) {
            reply = await service.refuse(request.method.rawValue, request.head.path ?? "/", caller, refusal)
        } else {
            var asked = serverRequest(request, caller, context)
            asked.answer = memory
            reply = await service.respond(to: asked)
        }
        return response(to: request, reply, caller, origin, holding: memory)
    }

    /// Why a request ends before anybody looks at what it asks for; `nil` when it goes on.
    private func refusal(of request: Request, from caller: Caller, _ context: Context) -> ServerFailure? {
        // HTTP/1.0 alone may leave it out, and has an empty one then (RequestForm).
        guard request.head.authority != nil else {
            return ServerFailure(400, "a request of HTTP/1.1 has the field Host", closes: true)
        }
        if let refusal = plainRefusal(request, caller) { return refusal }
        guard load.connections.identify(ObjectIdentifier(context.channel), as: caller) else {
            return ServerFailure(429, "\(caller.name) has all the connections that it may have", closes: true)
                .retrying(after: 1)
        }
        guard load.rates.admits(caller) else {
            return ServerFailure(429, "too many requests at once; wait a second").retrying(after: 1)
        }
        // The first one is the request's authority and no field here any more; who stands between may go by the second.
        guard !request.headers.contains(where: { $0.name.canonicalName == "host" }) else {
            return ServerFailure(400, "a request has one field Host", closes: true)
        }
        return nil
    }

    private func serverRequest(_ request: Request, _ caller: Caller, _ context: Context) -> ServerRequest {
        let body = request.body
        let channel = context.channel
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        let (method, target) = (request.method.rawValue, request.head.path ?? "/")
        let least = load.bounds[caller.group].body
        let memory = BodyMemory(load.bodies, caller, most: load.bounds[caller.group].allBodies)
        return ServerRequest(
            method: method, target: target,
            headers: request.headers.map { (name: $0.name.canonicalName, value: $0.value) },
            caller: caller,
            body: { [service] () async throws(ServerFailure) in
                // Nobody's body is read who may not call what takes it.
                let path = RequestPath(target.prefix { $0 != "?" })
                let limit = max(least, service.router.call(method, path)?.largestBody ?? 0)
                guard announced <= limit else { throw Self.tooLarge(limit) }
                channel.triggerUserOutboundEvent(RequestForm.Wish.body, promise: nil)
                return try await Self.read(body, limit: limit, into: memory)
            })
    }

    private func plainRefusal(_ request: Request, _ caller: Caller) -> ServerFailure? {
        var isKnown = true
        if case .unknown = caller.identity { isKnown = false }
        return PlainGate.refusal(
            target: request.head.path ?? "/", host: request.head.authority,
            origin: request.headers[.origin], at: listener, isKnown: isKnown)
    }

    private static func tooLarge(_ limit: Int) -> ServerFailure {
        ServerFailure(413, "the body is larger than the \(limit) bytes that a request may have")
    }

    private static func read(
        _ body: RequestBody, limit: Int, into memory: BodyMemory
    ) async throws(ServerFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await buffer in body {
                guard bytes.count + buffer.readableBytes <= limit else { throw tooLarge(limit) }
                guard memory.grow(by: buffer.readableBytes) else {
                    throw ServerFailure(
                        503, "the bodies of other requests take all the memory that there is for them; try again",
                        closes: true
                    ).retrying(after: 1)
                }
                bytes += buffer.readableBytesView
            }
        } catch let failure as ServerFailure {
            throw failure
        } catch {
            throw ServerFailure(400, "the body broke off")
        }
        return bytes
    }

    private func response(
        to request: Request, _ reply: ServerReply, _ caller: Caller, _ origin: ConnectionOrigin,
        holding memory: AnswerMemory
    ) -> Response {
        var headers = HTTPFields()
        for header in reply.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            headers.append(HTTPField(name: name, value: header.value))
        }
        if reply.closes { headers[.connection] = "close" }
        let status = HTTPResponse.Status(code: reply.status)
        switch reply.body {
        case .none:
            // HTTP forbids the field in these answers (RFC 9110, section 8.6).
            let length: HTTPFields = reply.status == 204 ? [:] : [.contentLength: "0"]
            return Self.bodiless(status, headers + length)
        case .bytes(let bytes) where bytes.count > Self.piece && request.method != .head:
            guard memory.settle(bytes.count, isAsked: request.method == .get) else {
                let refusal = APIService.reply(to: AnswerMemory.refusal(caller))
                return response(to: request, refusal, caller, origin, holding: memory)
            }
            return Response(status: status, headers: headers, body: Self.pieces(of: bytes, holding: memory))
        case .bytes(let bytes):
            memory.end()
            let response = Response(
                status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
            return request.method == .head ? response.createHeadResponse() : response
        case .stream(let feed):
            let bound = load.bounds[caller.group]
            guard let share = load.streams.take(1, for: caller, most: bound.streams, all: bound.allStreams) else {
                feed.close()
                let failure = ServerFailure(
                    429,
                    "\(caller.name), or all like it, has as many streams of events and journals as it may have; end one"
                ).retrying(after: 1)
                return response(to: request, APIService.reply(to: failure), caller, origin, holding: memory)
            }
            return Response(
                status: status, headers: headers, body: stream(feed, holding: share, for: request, caller, origin))
        }
    }

    /// The largest piece of an answer that is written at once; as much waits in a connection at most before its client reads on.
    private static let piece = 64 << 10

    /// Writes an answer piece by piece, as its client reads it, and holds its memory until the last one is under way.
    private static func pieces(of bytes: [UInt8], holding memory: AnswerMemory) -> ResponseBody {
        ResponseBody(contentLength: bytes.count) { writer in
            defer { memory.end() }
            for start in stride(from: 0, to: bytes.count, by: piece) {
                // Copied: a part of the answer would keep all of it until the client has read that part.
                try await writer.write(ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)]))
            }
            try await writer.finish(nil)
        }
    }

    private static func bodiless(_ status: HTTPResponse.Status, _ headers: HTTPFields) -> Response {
        var response = Response(status: status, headers: headers)
        if status.code == 204 { response.headers[.contentLength] = nil }
        return response
    }

    /// Writes the body until the client goes, the server is asked to end, or the caller is no longer who he was.
    private func stream(
        _ feed: any ReplyStream, holding share: Shares.Share, for request: Request, _ caller: Caller,
        _ origin: ConnectionOrigin
    ) -> ResponseBody {
        let incoming = request.body
        return ResponseBody { [recognition] writer in
            // Only the feed's own task writes, and this one again after the feed has ended.
            nonisolated(unsafe) var output = writer
            let watch = Task { await Self.closeWhenRefused(feed, caller, at: origin, by: recognition) }
            defer {
                watch.cancel()
                withExtendedLifetime(share) {}
            }
            try await withGracefulShutdownHandler {
                try await incoming.consumeWithInboundCloseHandler { body in
                    // Given up at once: one whose end was read before would be neither ended nor given up when the stream ends, and
                    // that ends the program (Hummingbird 2.28.1, RequestBody.Source).
                    _ = body.makeAsyncIterator()
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
