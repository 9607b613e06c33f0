// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A channel that sees the form of requests before it is lost on the way to the bridge.
struct FormedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            // Behind it a request has no version any more.
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(
                RequestForm(), position: ChannelPipeline.SynchronousOperations.Position.before(codec))
            return value
        }
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// What RFC 9110 and 9112 ask of a server by the version of a request and by its fields `Connection` and `Expect`.
///
/// - HTTP/1.0: the answer is of that version, has no chunks and ends the connection. No field `Host` is needed; an empty one stands
///   for it, so that its lack in HTTP/1.1 shows.
/// - `Connection: close`: the answer says it, too.
/// - `Expect: 100-continue`: whoever wants the body asks for it with `Wish.body`; an answer that goes out without it ends the
///   connection, for what comes next may be the body or, from a client that keeps it to itself, another request.
final class RequestForm: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// An event for the channel.
    enum Wish: Sendable {
        /// The body of the present request is about to be read.
        case body
    }

    /// News for the handlers behind.
    enum News: Sendable {
        /// The present answer says `Connection: close`, which it did not when it passed them.
        case closes
    }

    private struct Exchange {
        var isOld: Bool
        var closes: Bool
    }

    /// Those that are not answered, in the order of the requests, which is that of the answers, too.
    private var open = CircularBuffer<Exchange>()
    /// Whether the client holds its body back until it is asked for.
    private var awaitsWord = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else {
            // It has begun to send by itself, or there is nothing to send.
            awaitsWord = false
            return context.fireChannelRead(data)
        }
        let isOld = head.version.major < 1 || head.version == .http1_0
        // A request whose authority is in doubt is refused, and so is what was sent behind it.
        let closes = isOld || !head.isKeepAlive || head.headers["host"].count != 1
        open.append(Exchange(isOld: isOld, closes: closes))
        awaitsWord =
            !isOld
            && head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
        if isOld, !head.headers.contains(name: "host") { head.headers.add(name: "host", value: "") }
        // In the one spelling that is looked for behind us.
        if closes { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            guard let exchange = open.first else { break }
            // The body is the last request's, whose turn has come when no other one is open.
            let isWithoutBody = awaitsWord && open.count == 1 && head.status.code >= 200
            if isWithoutBody {
                awaitsWord = false
                context.fireUserInboundEventTriggered(News.closes)
            }
            guard exchange.closes || isWithoutBody else { break }
            if exchange.isOld { head.version = .http1_0 }
            head.headers.replaceOrAdd(name: "connection", value: "close")
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end: _ = open.popFirst()
        case .body: break
        }
        context.write(data, promise: promise)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Wish else { return context.triggerUserOutboundEvent(event, promise: promise) }
        if awaitsWord {
            awaitsWord = false
            let word = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(word)), promise: nil)
        }
        promise?.succeed(())
    }
}
