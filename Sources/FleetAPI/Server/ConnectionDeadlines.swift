// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes connections that keep the server waiting.
///
/// Three waits are bounded, each by one timer: from the opening of a connection or the end of an answer to the end of the
/// next request, however slowly its bytes drip in; from the moment at which a client stops taking the answer in; and after
/// an answer that says `Connection: close`, until the client has read it. A stream of events may last for ever while its
/// client reads.
final class ConnectionDeadlines: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    struct Limits: Sendable {
        /// Until a whole request is there.
        var request = TimeAmount.seconds(60)
        /// Until a client that stopped reading reads on.
        var stall = TimeAmount.seconds(60)
        /// Until a client has seen that the connection ends.
        var linger = TimeAmount.seconds(2)
    }

    private let limits: Limits
    private var requestsRead = 0
    private var answersWritten = 0
    private var isClosing = false
    private var requestTimer: Scheduled<Void>?
    private var stallTimer: Scheduled<Void>?

    init(limits: Limits = Limits()) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { awaitRequest(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        awaitRequest(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancelTimers()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancelTimers() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = unwrapInboundIn(data) {
            requestsRead += 1
            requestTimer?.cancel()
            requestTimer = nil
            // The answer was out before the request was in, so nothing else starts the wait for the next.
            if answersWritten >= requestsRead { awaitRequest(context) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind != .informational:
            if head.headerFields[.connection] == "close" { isClosing = true }
        case .end:
            answersWritten += 1
            if answersWritten >= requestsRead { awaitRequest(context) }
        case .head, .body: break
        }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .closes? = event as? RequestForm.News else { return context.fireUserInboundEventTriggered(event) }
        isClosing = true
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stallTimer?.cancel()
        stallTimer = context.channel.isWritable ? nil : closing(context, after: limits.stall)
        context.fireChannelWritabilityChanged()
    }

    private func awaitRequest(_ context: ChannelHandlerContext) {
        requestTimer?.cancel()
        requestTimer = closing(context, after: isClosing ? limits.linger : limits.request)
    }

    private func closing(_ context: ChannelHandlerContext, after delay: TimeAmount) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: delay) { channel.close(promise: nil) }
    }

    private func cancelTimers() {
        requestTimer?.cancel()
        stallTimer?.cancel()
        requestTimer = nil
        stallTimer = nil
    }
}
