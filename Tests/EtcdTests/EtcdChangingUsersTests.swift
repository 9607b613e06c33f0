// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Etcd

/// etcd's users and rights change while others work: nobody whose own rights stay as they are may notice.
@Suite("changes of etcd's users", .timeLimit(.minutes(5)))
struct EtcdChangingUsersTests {
    private func worker(_ server: EtcdServer, user: String? = "worker") throws -> EtcdClient {
        var configuration = server.configuration(timeout: .seconds(60))
        configuration.user = user
        configuration.password = user == nil ? nil : "first"
        return try EtcdClient(configuration)
    }

    @Test("one change of etcd's users, and all that was allowed before still is", arguments: EtcdVariety.all)
    func oneChange(variety: EtcdVariety) async throws {
        let server = try await EtcdServer.start(variety.options())
        let root = try await EtcdLoginTests.open(server)
        let client = try worker(server)
        let lease = try await client.grantLease(ttl: 600).lease
        var names = (0...).lazy.map { "another-\($0)" }.makeIterator()
        func change() async throws { try await root.addUser(try #require(names.next()), password: "x") }
        try await client.put("work/a", [1])
        try await change()
        try await client.put("work/a", [2])
        try await change()
        #expect(try await client.get(.prefix("work/"), revision: 0).keys.map(\.value) == [[2]])
        try await change()
        let write = Transaction(if: [], then: [.put(key: "work/b", value: [1], lease: lease)])
        #expect(try await client.commit(write).succeeded)
        try await change()
        #expect(try await client.keepAlive(lease) == 600)
        try await client.revoke(lease)
        #expect(try await client.get(.prefix("work/"), revision: 0).keys.map(\.key) == ["work/a"])
        try await change()
        #expect(try await root.users().count == 7)
    }

    @Test("a watch that begins with a login from before a change of etcd's users begins", arguments: EtcdVariety.all)
    func watchAfterChange(variety: EtcdVariety) async throws {
        let server = try await EtcdServer.start(variety.options())
        let root = try await EtcdLoginTests.open(server)
        let client = try worker(server)
        let first = try await client.put("work/a", [1])
        try await root.addUser("another", password: "x")
        // Nothing else uses this client, so the watch itself finds that its token is too old.
        let batches = try await collect(client.watch(.prefix("work/"), from: first)) { _ in true }
        #expect(batches.map(\.revision) == [first])
        try await root.addUser("one-more", password: "x")
        let denied = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.prefix("other/"), from: 1)) { _ in true }
        }
        #expect(denied.code == .permissionDenied, "\(denied)")
        let stranger = try await #require(throws: EtcdError.self) {
            _ = try await collect(try worker(server, user: nil).watch(.prefix("work/"), from: 1)) { _ in true }
        }
        #expect(stranger.code == .loginRefused && stranger.message.contains("asks for a login"), "\(stranger)")
    }

    @Test("a storm of changes of etcd's users: no write and no read fails", arguments: EtcdVariety.all)
    func storm(variety: EtcdVariety) async throws {
        let server = try await EtcdServer.start(variety.options())
        let root = try await EtcdLoginTests.open(server)
        let client = try worker(server)
        let first = try await client.put("work/count", [0])
        let isOver = Over()
        // As fast as they go they would keep etcd from ever ending a login: it checks a password anew after each of them.
        async let changes: Void = change(root, times: 300, isOver)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask {
                    var number = 0
                    while await !isOver.isSet || number < 20 {
                        try await client.put("work/\(writer)", [UInt8(truncatingIfNeeded: number)])
                        _ = try await client.get(.prefix("work/"), revision: 0)
                        number += 1
                    }
                }
            }
            try await group.waitForAll()
        }
        try await changes
        let last = try await client.get(.key("work/0"), revision: 0).keys[0].modRevision
        var seen: Int64 = 0
        for try await batch in client.watch(.prefix("work/"), from: first) {
            seen = batch.revision
            if seen >= last { break }
        }
        #expect(seen >= last)
    }

    private actor Over {
        private(set) var isSet = false
        func set() { isSet = true }
    }

    /// Gives a role that nobody has one right after the other, which costs etcd no hash of a password.
    private func change(_ root: EtcdClient, times: Int, _ isOver: Over) async throws {
        try await root.addRole("nobody's")
        for number in 0..<times {
            try await root.grant(EtcdPermission(.read, .key("k\(number)")), to: "nobody's")
        }
        await isOver.set()
    }
}
