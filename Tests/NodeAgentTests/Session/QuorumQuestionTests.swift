// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Synchronization
import TestSupport
import Testing

@testable import NodeAgent

@Suite("question for the quorum", .timeLimit(.minutes(2)))
struct QuorumQuestionTests {
    @Test(
        "each member's answer is told with its number; one that says nothing of use has none, and counts all the same")
    func answers() async throws {
        let leaderless = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(leader: 0)) } }
        let led = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(leader: 5)) } }
        let broken = try RawServer { _ = $0.readRequest() }
        // Nobody listens at port 1.
        let endpoints = ["http://127.0.0.1:1", broken.url, leaderless.url, led.url]
        let etcd = try EtcdClient(EtcdConfiguration(endpoints: endpoints, probeTimeout: .seconds(60)))
        let heard = Mutex<[Int: MemberAnswer]>([:])
        let question = QuorumQuestion(etcd: etcd, memberCount: 0)
        await question.ask { answer, member in heard.withLock { $0[member] = answer } }
        #expect(heard.withLock { $0 } == [0: .refused, 2: .noLeader, 3: .leader])
        #expect(question.count == 4)
        #expect(QuorumQuestion(etcd: etcd, memberCount: 5).count == 5, "a member without an endpoint here counts, too")
        #expect(QuorumQuestion(etcd: etcd, memberCount: 3).count == 4)
    }

    private static func status(leader: Int) -> String {
        #"{"header":{"cluster_id":"7","member_id":"8","revision":"1","raft_term":"2"},"leader":"\#(leader)"}"#
    }
}
