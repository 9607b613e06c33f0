// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTPTypes
import Synchronization

/// How many connections each address holds at one listener.
final class ConnectionsPerAddress: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Counts one more; `false`, and nothing is counted, when the address has all that it may.
    func enter(_ address: String) -> Bool {
        counts.withLock { counts in
            guard counts[address, default: 0] < limit else { return false }
            counts[address, default: 0] += 1
            return true
        }
    }

    /// Counts one less.
    func leave(_ address: String) {
        counts.withLock { counts in
            guard let count = counts[address] else { return }
            counts[address] = count > 1 ? count - 1 : nil
        }
    }

    /// Connections of all addresses.
    var total: Int { counts.withLock { $0.values.reduce(0, +) } }
}

/// How many connections of any kind one server has open, those that are about to be closed among them.
final class ConnectionCount: Sendable {
    private let open = Atomic<Int>(0)

    var value: Int { open.load(ordering: .relaxed) }

    func enter() { open.add(1, ordering: .relaxed) }
    func leave() { open.subtract(1, ordering: .relaxed) }
}

/// Closes a connection at once whose address holds its share already.
///
/// Without it, whoever reaches the listener could take all its connections by keeping them open and silent: the others would
/// wait in the kernel's queue. Unix sockets have no addresses, and no limit but the listener's.
final class AddressLimit: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    private let connections: ConnectionsPerAddress
    private let count: ConnectionCount
    private var isCounted = false
    private var address: String?

    init(_ connections: ConnectionsPerAddress, count: ConnectionCount) {
        self.connections = connections
        self.count = count
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { enter(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        enter(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    private func enter(_ context: ChannelHandlerContext) {
        guard !isCounted else { return }
        isCounted = true
        count.enter()
        guard let address = context.channel.remoteAddress?.ipAddress else { return }
        guard connections.enter(address) else { return context.channel.close(promise: nil) }
        self.address = address
    }

    private func leave() {
        guard isCounted else { return }
        isCounted = false
        count.leave()
        if let address { connections.leave(address) }
        address = nil
    }
}
