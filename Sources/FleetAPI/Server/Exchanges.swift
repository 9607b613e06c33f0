// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Synchronization

/// The requests that one server has taken and not yet answered.
final class Exchanges: Sendable {
    private struct State {
        var next: UInt64 = 0
        var open: Set<UInt64> = []
        var waits: [UInt64: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// Notes a request that has come.
    func begin() -> UInt64 {
        state.withLock { state in
            state.next += 1
            state.open.insert(state.next)
            return state.next
        }
    }

    /// Notes that an answer is out, or that nobody is there any more to take it.
    func end(_ exchange: UInt64) {
        let wait = state.withLock { state in
            state.open.remove(exchange)
            return state.waits.removeValue(forKey: exchange)
        }
        wait?.finish()
    }

    /// Waits until what is under way now has been answered, and not for what comes later; at most for `patience`.
    func answered(within patience: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for exchange in self.underWay { await self.end(of: exchange) } }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }

    private var underWay: Set<UInt64> { state.withLock { $0.open } }

    private func end(of exchange: UInt64) async {
        let (ended, wait) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            if state.open.contains(exchange) { state.waits[exchange] = wait } else { wait.finish() }
        }
        for await _ in ended {}
    }
}

/// Tells when the exchanges of one connection begin and end: with a request's head, and with the last byte of its answer in the
/// system's hands, which delivers it also after this process has gone.
final class ExchangeWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let exchanges: Exchanges
    /// Those that are not answered, in the order of the requests, which is that of the answers, too.
    private var open = CircularBuffer<UInt64>()

    init(_ exchanges: Exchanges) { self.exchanges = exchanges }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { open.append(exchanges.begin()) }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where Self.isStream(head):
            // Such an answer lasts until one side has enough of it.
            if let exchange = open.first { exchanges.end(exchange) }
        case .end:
            let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
            if let exchange = open.popFirst() {
                promise.futureResult.whenComplete { [exchanges] _ in exchanges.end(exchange) }
            }
            return context.write(data, promise: promise)
        case .head, .body: break
        }
        context.write(data, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        endAll()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { endAll() }

    private func endAll() { while let exchange = open.popFirst() { exchanges.end(exchange) } }

    /// Whether an answer has no end that was known when it began.
    private static func isStream(_ head: HTTPResponse) -> Bool {
        switch head.status.kind {
        case .informational: false
        default: head.headerFields[.contentLength] == nil && head.status.code != 204 && head.status.code != 304
        }
    }
}
