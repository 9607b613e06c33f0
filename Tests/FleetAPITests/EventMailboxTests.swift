// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@testable import FleetAPIServer

@Suite("The mailbox between follower and client")
struct EventMailboxTests {
    private func update(_ revision: Int64, _ count: Int = 1) -> ClusterUpdate {
        ClusterUpdate(
            revision: revision, state: ClusterState(), changes: Array(repeating: .leaderGone, count: count))
    }

    @Test("updates that wait are merged: last state, all changes")
    func merging() async throws {
        let mailbox = EventMailbox()
        mailbox.put(update(1))
        mailbox.put(update(2, 3))
        let content = try #require(await mailbox.take())
        #expect(content.update?.revision == 2)
        #expect(content.update?.changes.count == 4)
    }

    @Test("a reader that is too far behind gets what waits, and then the end")
    func overflow() async {
        let mailbox = EventMailbox(limit: 5)
        mailbox.put(update(1, 5))
        mailbox.put(update(2, 1))
        mailbox.put(update(3, 1))
        #expect(await mailbox.take()?.update?.changes.count == 6)
        #expect(await mailbox.take() == nil)
    }

    @Test("closing wakes a reader that waits")
    func closing() async {
        let mailbox = EventMailbox()
        async let content = mailbox.take()
        mailbox.close()
        #expect(await content == nil)
    }

    @Test("cancelling wakes a reader that waits")
    func cancelling() async {
        let mailbox = EventMailbox()
        let reader = Task { await mailbox.take() == nil }
        reader.cancel()
        #expect(await reader.value)
    }
}
