// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTPTypes
import Synchronization

/// The connections of a server, each counted against the class of its caller.
///
/// Who is at the other end shows with the first request. Until then he is a stranger: when those have all that they may, the oldest of
/// the address that has most gives way, so that somebody known gets through among strangers of ever so many addresses; he needs a
/// few milliseconds.
final class ConnectionBook: Sendable {
    private struct Holder: Hashable {
        var group: CallerClass
        var key: String
    }

    private struct Entry {
        var id: ObjectIdentifier
        var close: @Sendable () -> Void
        /// Of strangers their address.
        var address: String
        var holder: Holder
        /// Later ones have higher numbers.
        var number: UInt64
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var held: [Holder: Int] = [:]
        var groups: [CallerClass: Int] = [:]
        var next: UInt64 = 0

        mutating func count(_ holder: Holder, _ change: Int) {
            held[holder, default: 0] += change
            if held[holder] == 0 { held[holder] = nil }
            groups[holder.group, default: 0] += change
        }

        /// What gives way when strangers have too many: the oldest of the one who has most.
        func victim(among strangers: [Entry]) -> Entry? {
            strangers.min { left, right in
                let (mine, other) = (held[left.holder] ?? 0, held[right.holder] ?? 0)
                return mine == other ? left.number < right.number : mine > other
            }
        }
    }

    private let state = Mutex(State())
    private let bounds: Bounds

    init(_ bounds: Bounds) { self.bounds = bounds }

    /// All connections that are open, those that are about to be closed among them.
    var total: Int { state.withLock { $0.entries.count } }

    /// Connections of one class.
    func total(of group: CallerClass) -> Int { state.withLock { $0.groups[group] ?? 0 } }

    /// Counts a new connection, and closes what has to give way to it.
    ///
    /// - Parameters:
    ///   - id: What names the connection from now on.
    ///   - address: Where it comes from; `nil` for a unix socket.
    ///   - close: Closes it.
    func enter(_ id: ObjectIdentifier, from address: String?, close: @escaping @Sendable () -> Void) {
        let address = address.map(AddressBlock.of)
        let victim = state.withLock { state -> Entry? in
            state.next += 1
            let holder = Holder(group: address == nil ? .socket : .stranger, key: address ?? "unix")
            state.entries[id] = Entry(
                id: id, close: close, address: address ?? "", holder: holder, number: state.next)
            state.count(holder, 1)
            guard holder.group == .stranger else { return nil }
            return overdue(holder, &state)
        }
        victim?.close()
    }

    /// The connection of a stranger that one too many puts out.
    private func overdue(_ holder: Holder, _ state: inout State) -> Entry? {
        let bound = bounds[.stranger]
        let strangers: [Entry]
        if state.held[holder] ?? 0 > bound.connections {
            strangers = state.entries.values.filter { $0.holder == holder }
        } else if state.groups[.stranger] ?? 0 > bound.allConnections {
            strangers = state.entries.values.filter { $0.holder.group == .stranger }
        } else {
            return nil
        }
        guard let victim = state.victim(among: strangers) else { return nil }
        remove(victim.id, &state)
        return victim
    }

    /// Counts a connection against the class of the caller who has just shown himself there.
    ///
    /// - Returns: Whether he may have it; if not it stays a stranger's.
    func identify(_ id: ObjectIdentifier, as caller: Caller) -> Bool {
        let (isAdmitted, victim) = state.withLock { state -> (Bool, Entry?) in
            // One that has gone or given way holds nothing any more; what it has asked for before is still carried out.
            guard var entry = state.entries[id] else { return (true, nil) }
            let group = caller.group
            let holder = Holder(group: group, key: group == .stranger ? entry.address : caller.boundKey)
            guard holder != entry.holder else { return (true, nil) }
            let bound = bounds[group]
            let isFull =
                state.held[holder] ?? 0 >= bound.connections || state.groups[group] ?? 0 >= bound.allConnections
            guard group == .stranger || !isFull else { return (false, nil) }
            state.count(entry.holder, -1)
            entry.holder = holder
            state.entries[id] = entry
            state.count(holder, 1)
            return (true, group == .stranger ? overdue(holder, &state) : nil)
        }
        victim?.close()
        return isAdmitted
    }

    /// Counts a connection as gone.
    func leave(_ id: ObjectIdentifier) { state.withLock { remove(id, &$0) } }

    private func remove(_ id: ObjectIdentifier, _ state: inout State) {
        guard let entry = state.entries.removeValue(forKey: id) else { return }
        state.count(entry.holder, -1)
    }
}

/// Tells the book when a connection begins and ends.
final class ConnectionGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    private let book: ConnectionBook
    private var isCounted = false

    init(_ book: ConnectionBook) { self.book = book }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { enter(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        enter(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        book.leave(ObjectIdentifier(context.channel))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { book.leave(ObjectIdentifier(context.channel)) }

    private func enter(_ context: ChannelHandlerContext) {
        guard !isCounted else { return }
        isCounted = true
        let channel = context.channel
        book.enter(ObjectIdentifier(channel), from: channel.remoteAddress?.ipAddress) { channel.close(promise: nil) }
    }
}
