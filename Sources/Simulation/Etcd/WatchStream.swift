// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd

/// One watch connection between a client and a member: in order, without gaps, until it breaks.
final class WatchStream {
    enum Message {
        case batches([StoreCommit])
        case bytes([WatchBatch])
        case compacted
        case broken
    }

    private unowned let world: World
    let host: Int
    let member: Int
    let range: KeyRange
    /// The next revision to send.
    var cursor: Int64
    private(set) var isOpen = true
    private let receive: (Message) -> Void
    private var lastArrival: Int64 = 0

    init(
        world: World, host: Int, member: Int, range: KeyRange, from revision: Int64,
        receive: @escaping (Message) -> Void
    ) {
        self.world = world
        self.host = host
        self.member = member
        self.range = range
        cursor = revision
        self.receive = receive
    }

    func send(_ message: Message) {
        let arrival = world.now + world.network.delay(host, member, .fromMember)
        lastArrival = max(lastArrival, arrival)
        world.at(lastArrival) { [self] in
            if isOpen { receive(message) }
        }
    }

    /// The member has ended the connection.
    private(set) var isFailed = false

    /// The member ends the connection; the client hears of it, after a cut when there is one.
    func fail() {
        isFailed = true
        guard isOpen, !world.network.isCut(host, member, .fromMember) else { return }
        send(.broken)
    }

    /// The client ends the connection.
    func close() {
        guard isOpen else { return }
        isOpen = false
        world.etcd.close(self)
    }
}
