// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Synchronization
import TestSupport
import Testing

@testable import Agent
@testable import NodeAgent

@Suite("question for the quorum", .timeLimit(.minutes(2)))
struct QuorumQuestionTests {
    @Test(
        "each member's answer is told with its number; one that says nothing of use has none, and counts all the same")
    func answers() async throws {
        let leaderless = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(of: 8, leader: 0)) } }
        let led = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(of: 9, leader: 5)) } }
        let leader = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(of: 5, leader: 5)) } }
        let broken = try RawServer { _ = $0.readRequest() }
        // Nobody listens at port 1.
        let endpoints = ["http://127.0.0.1:1", broken.url, leaderless.url, led.url, leader.url]
        let etcd = try EtcdClient(EtcdConfiguration(endpoints: endpoints, probeTimeout: .seconds(60)))
        let heard = Mutex<[Int: MemberAnswer]>([:])
        let question = QuorumQuestion(etcd: etcd, memberCount: 0)
        await question.ask { answer, member in heard.withLock { $0[member] = answer } }
        #expect(heard.withLock { $0 } == [0: .refused, 2: .noLeader, 3: .follows, 4: .leads])
        #expect(question.count == 5)
        #expect(QuorumQuestion(etcd: etcd, memberCount: 7).count == 7, "a member without an endpoint here counts, too")
        #expect(QuorumQuestion(etcd: etcd, memberCount: 3).count == 5)
    }

    @Test("a member that answers at two endpoints is heard once: it is not two")
    func twice() async throws {
        let led = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(of: 9, leader: 5)) } }
        let again = try RawServer { while $0.readRequest() != nil { $0.answer(Self.status(of: 9, leader: 5)) } }
        let etcd = try EtcdClient(
            EtcdConfiguration(endpoints: [led.url, again.url], probeTimeout: .seconds(60)))
        let heard = Mutex<[MemberAnswer]>([])
        await QuorumQuestion(etcd: etcd, memberCount: 0).ask { answer, _ in heard.withLock { $0.append(answer) } }
        #expect(heard.withLock { $0 } == [.follows])
    }

    private static func status(of member: Int, leader: Int) -> String {
        #"{"header":{"cluster_id":"7","member_id":"\#(member)","revision":"1","raft_term":"2"},"leader":"\#(leader)"}"#
    }
}
