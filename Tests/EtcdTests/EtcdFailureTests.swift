// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EtcdFailureTests {
    @Test("a stopped etcd refuses: nothing happened, and it may work later")
    func stopped() async throws {
        let server = try await EtcdServer.start()
        server.stop()
        let client = try server.client(timeout: .seconds(3))
        let error = try await #require(throws: EtcdError.self) { try await client.put("a", [1]) }
        #expect(error.code == .unreachable)
        #expect(error.isTransient)
        #expect(!error.mayHaveHappened)
        #expect(error.message.contains(server.endpoint))
        #expect(await client.probe(server.endpoint) == .refused)
    }

    @Test("a call waits for an etcd that comes back before its deadline")
    func comesBack() async throws {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(30))
        try await client.put("a", [1])
        server.kill()
        async let read = client.get(.key("a"), revision: 0)
        async let written = client.put("b", [2])
        try await server.start()
        #expect(try await read.keys.map(\.value) == [[1]])
        #expect(try await written > 0)
    }

    @Test("a write to a hung etcd may have happened, and is not sent again")
    func hung() async throws {
        let server = try await EtcdServer.start()
        let patient = try server.client(timeout: .seconds(30))
        let before = try await patient.put("a", [1])
        let client = patient.withTimeout(.seconds(2))
        server.pause()
        let error = try await #require(throws: EtcdError.self) { try await client.put("a", [2]) }
        #expect(error.code == .timedOut)
        #expect(error.isTransient)
        #expect(error.mayHaveHappened)
        #expect(await client.probe(server.endpoint) == .timedOut)
        server.resume()
        let keys = try await patient.get(.key("a"), revision: 0).keys
        // Once or not at all.
        #expect([before, before + 1].contains(try #require(keys.first).modRevision))
    }

    @Test("a call on a hung etcd can be cancelled")
    func cancelledWhileHung() async throws {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(600))
        try await client.put("a", [1])
        server.pause()
        let task = Task { try await client.keepAlive(LeaseID(1)) }
        let watch = Task { try await collect(client.watch(.key("a"), from: 1)) { _ in true } }
        task.cancel()
        watch.cancel()
        let error = try await #require(throws: EtcdError.self) { try await task.value }
        #expect(error.code == .cancelled)
        #expect(try await watch.value.isEmpty)
    }

    @Test("a full etcd says so, and reading goes on")
    func full() async throws {
        var options = EtcdServer.Options()
        options.quotaBytes = 1 << 20
        let server = try await EtcdServer.start(options)
        let client = try server.client(timeout: .seconds(20))
        try await client.put("small", [1])
        let large = [UInt8](repeating: 1, count: 200_000)
        let error = try await #require(throws: EtcdError.self) {
            for number in 0..<100 { try await client.put("large/\(number)", large) }
        }
        #expect(error.code == .noSpace)
        #expect(!error.isTransient)
        #expect(!error.mayHaveHappened)
        #expect(try await client.get(.key("small"), revision: 0).keys.map(\.value) == [[1]])
        // Renewing a lease writes nothing, so sessions live on.
        #expect(try await client.keepAlive(LeaseID(1)) == nil)
        try await client.delete(.prefix("large/"))
        let newest = try await client.get(.key("small"), revision: 0).revision
        try await client.compact(to: newest)
        try await client.defragment()
        #expect(try await client.get(.prefix("large/"), revision: 0).keys.isEmpty)
    }

    @Test("an etcd that comes back empty is not taken for the one before, although its cluster id is the same")
    func emptied() async throws {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(30))
        let clusterID = try await client.clusterID()
        for number in 0..<5 { try await client.put("a", [UInt8(number)]) }
        let newest = try await client.get(.key("a"), revision: 0).revision
        server.stop()
        server.eraseData()
        try await server.start()
        let read = try await #require(throws: EtcdError.self) { try await client.get(.key("a"), revision: 0) }
        #expect(read.code == .storeReplaced)
        #expect(!read.isTransient)
        #expect(read.message.hasSuffix("or have all machines join this one by 'cluster-manager cluster adopt'"))
        let watch = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.key("a"), from: newest + 1)) { _ in true }
        }
        #expect(watch.code == .storeReplaced)
        let renewal = try await #require(throws: EtcdError.self) { try await client.keepAlive(LeaseID(1)) }
        #expect(renewal.code == .storeReplaced)
        // Whoever means it makes a new client.
        let fresh = try server.client(timeout: .seconds(30))
        #expect(try await fresh.get(.key("a"), revision: 0).keys.isEmpty)
        #expect(try await fresh.clusterID() == clusterID)
    }

    @Test("a watch that was open when etcd was emptied ends")
    func emptiedUnderWatch() async throws {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(30))
        let first = try await client.put("a", [1])
        let (marks, mark) = AsyncStream<Bool>.makeStream()
        let reader = Task {
            try await collect(client.watch(.key("a"), from: first)) { _ in
                mark.yield(true)
                return false
            }
        }
        for await _ in marks { break }
        server.kill()
        server.eraseData()
        try await server.start()
        let error = try await #require(throws: EtcdError.self) { try await reader.joined() }
        #expect(error.code == .storeReplaced)
    }

    @Test("another cluster than the expected one is refused, whatever is asked of it")
    func otherCluster() async throws {
        let server = try await EtcdServer.start()
        let id = try await server.client(timeout: .seconds(30)).clusterID()
        var configuration = server.configuration(timeout: .seconds(30))
        configuration.probeTimeout = .seconds(30)
        configuration.expectedClusterID = id
        #expect(try await EtcdClient(configuration).put("a", [1]) > 0)
        configuration.expectedClusterID = id ^ 1
        let stranger = try EtcdClient(configuration)
        let write = try await #require(throws: EtcdError.self) { try await stranger.put("a", [1]) }
        #expect(write.code == .storeReplaced)
        #expect(write.mayHaveHappened)
        let renewal = try await #require(throws: EtcdError.self) { try await stranger.keepAlive(LeaseID(1)) }
        #expect(renewal.code == .storeReplaced)
        let watch = try await #require(throws: EtcdError.self) {
            _ = try await collect(stranger.watch(.key("a"), from: 1)) { _ in true }
        }
        #expect(watch.code == .storeReplaced)
        #expect(await stranger.probe(server.endpoint).clusterID == id)
    }

    @Test("a watch goes on where it was when etcd is restarted, with nothing lost and nothing twice")
    func watchAcrossRestart() async throws {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(30))
        let first = try await client.put("w/0", [0])
        let (marks, mark) = AsyncStream<Int>.makeStream()
        let reader = Task {
            try await collect(client.watch(.prefix("w/"), from: first)) { batches in
                mark.yield(batches.count)
                return batches.count == 300
            }
        }
        for number in 1..<100 { try await client.put("w/\(number)", []) }
        for await count in marks where count >= 50 { break }
        server.kill()
        try await server.start()
        for number in 100..<200 { try await client.put("w/\(number)", []) }
        server.stop()
        try await server.start()
        for number in 200..<300 { try await client.put("w/\(number)", []) }
        let batches = try await reader.joined()
        #expect(batches.map(\.revision) == (0..<300).map { first + $0 })
        #expect(batches.flatMap(\.events).map(\.key) == (0..<300).map { "w/\($0)" })
    }
}

extension EndpointAnswer {
    var clusterID: UInt64? {
        switch self {
        case .healthy(_, let clusterID, _), .noLeader(let clusterID, _): clusterID
        case .refused, .timedOut, .unknown: nil
        }
    }
}
