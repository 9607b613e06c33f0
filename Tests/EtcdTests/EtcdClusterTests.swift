// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)), .serialized)
struct EtcdClusterTests {
    @Test("members are listed with their addresses, and each says who leads")
    func members() async throws {
        let cluster = try await EtcdCluster.start()
        var configuration = cluster.configuration(timeout: .seconds(30))
        configuration.probeTimeout = .seconds(30)
        let client = try EtcdClient(configuration)
        let members = try await client.members()
        #expect(Set(members.flatMap(\.clientURLs)) == Set(cluster.endpoints))
        #expect(members.allSatisfy { !$0.isLearner })
        let id = try await client.clusterID()
        for endpoint in cluster.endpoints {
            guard case .healthy(let leader, let clusterID, let memberID) = await client.probe(endpoint) else {
                Issue.record("\(endpoint) is not healthy")
                continue
            }
            #expect(clusterID == id)
            #expect(members.contains { $0.id == memberID })
            #expect(members.contains { $0.id == leader })
        }
    }

    @Test("the leader killed under load loses no acknowledged write, and no watch loses or repeats an event")
    func killedUnderLoad() async throws {
        let cluster = try await EtcdCluster.start()
        let client = try cluster.client(timeout: .seconds(30))
        let first = try await write("load/start", 0, after: 0, client)
        let (counts, count) = AsyncStream<Int>.makeStream()
        let reader = Task {
            try await collect(client.watch(.prefix("load/"), from: first)) { batches in
                count.yield(batches.count)
                return batches.last?.events.contains { $0.key == "load/end" } ?? false
            }
        }
        // Each writer counts what was acknowledged; what may have happened may be there or not.
        let writers = (0..<4).map { writer in
            Task {
                var acknowledged: [String] = []
                var number = 0
                while !Task.isCancelled {
                    number += 1
                    let key = "load/\(writer)/\(number)"
                    do {
                        _ = try await client.commit(Transaction(if: [.absent(key)], then: [.put(key, [])]))
                        acknowledged.append(key)
                    } catch let error as EtcdError {
                        if !error.isTransient, error.code != .cancelled { throw error }
                    }
                }
                return acknowledged
            }
        }
        for await seen in counts where seen > 100 { break }
        let leader = try await leader(of: cluster)
        leader.kill()
        let seenAtDeath = try await waitForProgress(counts)
        try await leader.start()
        for await seen in counts where seen > seenAtDeath + 200 { break }
        for writer in writers { writer.cancel() }
        var acknowledged: [String] = []
        for writer in writers { acknowledged += try await writer.joined() }
        // A write that was cut off may happen even after this one; what was up to here is compared.
        let end = try await write("load/end", 0, after: 0, client)

        let batches = try await reader.joined()
        let stored = try await client.get(.prefix("load/"), revision: end).keys
        let names = Set(stored.map(\.key))
        #expect(acknowledged.allSatisfy { names.contains($0) })
        #expect(acknowledged.count > 200)
        let events = batches.flatMap(\.events).filter { $0.modRevision <= end }
        #expect(events.map(\.modRevision) == stored.map(\.modRevision).sorted())
        #expect(Set(events.map(\.key)) == names)
    }

    /// Waits until writes go on after the loss of a member.
    private func waitForProgress(_ counts: AsyncStream<Int>) async throws -> Int {
        var start: Int?
        for await seen in counts {
            let begin = start ?? seen
            start = begin
            if seen > begin + 200 { return seen }
        }
        throw TestFixtureError("the watch has ended")
    }

    @Test("a member that hangs costs a share of the time, and its watchers go elsewhere")
    func hungMember() async throws {
        let cluster = try await EtcdCluster.start()
        var configuration = cluster.configuration(timeout: .seconds(20))
        configuration.watchCheckInterval = .milliseconds(200)
        configuration.probeTimeout = .milliseconds(500)
        let client = try EtcdClient(configuration)
        let first = try await write("hung", 1, after: 0, client)
        let (marks, mark) = AsyncStream<Int64>.makeStream()
        let reader = Task {
            try await collect(client.watch(.key("hung"), from: first)) { batches in
                mark.yield(batches.last?.revision ?? 0)
                return batches.count == 2
            }
        }
        for await _ in marks { break }
        // The watch sits on the first member, as every call so far.
        cluster.members[0].pause()
        let others = try EtcdClient(
            EtcdConfiguration(endpoints: Array(cluster.endpoints[1...]), requestTimeout: .seconds(30)))
        let second = try await write("hung", 2, after: first, others)
        let batches = try await reader.joined()
        #expect(batches.map(\.revision) == [first, second])
        #expect(try await client.get(.key("hung"), revision: 0).keys.map(\.value) == [[2]])
    }

    @Test("without a majority a member says that it has no leader, a write did not happen, and all goes on afterwards")
    func noQuorum() async throws {
        let cluster = try await EtcdCluster.start()
        let client = try cluster.client(timeout: .seconds(30))
        let first = try await write("quorum", 1, after: 0, client)
        let (marks, mark) = AsyncStream<Int64>.makeStream()
        let reader = Task {
            try await collect(client.watch(.key("quorum"), from: first)) { batches in
                mark.yield(batches.last?.revision ?? 0)
                return batches.count == 2
            }
        }
        for await _ in marks { break }
        cluster.members[0].kill()
        cluster.members[1].kill()
        let left = cluster.endpoints[2]
        while true {
            if case .noLeader = await client.probe(left) { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(await client.probe(cluster.endpoints[0]) == .refused)
        // The member that is left comes first: its answer is known however slowly this test goes on.
        let impatient = try EtcdClient(
            EtcdConfiguration(endpoints: [left] + cluster.endpoints[..<2], requestTimeout: .seconds(5)))
        let error = try await #require(throws: EtcdError.self) { try await impatient.put("quorum", [2]) }
        #expect(error.code == .noLeader)
        #expect(error.isTransient)
        #expect(!error.mayHaveHappened)
        let read = try await #require(throws: EtcdError.self) { try await impatient.get(.key("quorum"), revision: 0) }
        #expect(read.code == .noLeader)
        #expect(!(try await impatient.members()).isEmpty)

        try cluster.members[0].launch()
        try cluster.members[1].launch()
        for member in cluster.members { try await member.waitUntilHealthy() }
        let second = try await write("quorum", 3, after: first, client)
        #expect(try await reader.joined().map(\.revision) == [first, second])
    }

    /// The member that leads, once an election under way is over.
    private func leader(of cluster: EtcdCluster) async throws -> EtcdServer {
        while true {
            if let leader = try await cluster.leader() { return leader }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Writes `value` to `key`, again until it is certain to have happened.
    ///
    /// - Returns: The revision at which it happened, after `last`.
    private func write(_ key: String, _ value: UInt8, after last: Int64, _ client: EtcdClient) async throws -> Int64 {
        let write = Transaction(
            if: [Comparison(key, .equal, .modRevision(last))], then: [.put(key, [value])], otherwise: [.get(.key(key))])
        while true {
            do {
                let result = try await client.commit(write)
                if case .get(let keys)? = result.outcomes.first { return try #require(keys.first).modRevision }
                return result.revision
            } catch let error as EtcdError where error.isTransient {
                try Task.checkCancellation()
            }
        }
    }
}
