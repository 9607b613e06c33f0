// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EtcdAuthTests {
    /// An etcd on which only root, with password "secret", may do anything, and `reader` may read `open/`.
    private func guardedServer() async throws -> EtcdServer {
        let server = try await EtcdServer.start()
        let client = try server.client(timeout: .seconds(30))
        try await client.addUser("root", password: #"secret "quoted""#)
        try await client.addRole("root")
        try await client.grantRole("root", to: "root")
        try await client.addRole("reading")
        try await client.grant(EtcdPermission(.read, .prefix("open/")), to: "reading")
        try await client.addUser("reader", password: "r")
        try await client.grantRole("reading", to: "reader")
        try await client.enableAuth()
        return server
    }

    private func client(
        _ server: EtcdServer, _ user: String?, _ password: String?
    ) throws -> EtcdClient {
        var configuration = server.configuration(timeout: .seconds(30))
        configuration.user = user
        configuration.password = password
        configuration.probeTimeout = .seconds(30)
        return try EtcdClient(configuration)
    }

    @Test("with user and password everything works, and still does when etcd has forgotten its tokens")
    func login() async throws {
        let server = try await guardedServer()
        let client = try client(server, "root", #"secret "quoted""#)
        let first = try await client.put("a", [1])
        let (marks, mark) = AsyncStream<Bool>.makeStream()
        let reader = Task {
            try await collect(client.watch(.key("a"), from: first)) { batches in
                mark.yield(true)
                return batches.count == 2
            }
        }
        for await _ in marks { break }
        // Tokens live in memory: a restart makes all of them invalid.
        server.stop()
        try await server.start()
        let lease = try await client.grantLease(ttl: 600).lease
        #expect(try await client.keepAlive(lease) == 600)
        let second = try await client.put("a", [2])
        #expect(try await reader.joined().map(\.revision) == [first, second])
        guard case .healthy = await client.probe(server.endpoint) else {
            Issue.record("a probe needs no rights")
            return
        }
    }

    @Test(
        "who may not is told so and does not try again",
        arguments: [
            ("root", "wrong", .loginRefused), ("nobody", "wrong", .loginRefused), (nil, nil, .loginRefused),
            ("reader", "r", .permissionDenied),
        ] as [(String?, String?, EtcdError.Code)])
    func refused(user: String?, password: String?, code: EtcdError.Code) async throws {
        let server = try await guardedServer()
        let error = try await #require(throws: EtcdError.self) {
            try await client(server, user, password).put("a", [1])
        }
        #expect(error.code == code)
        #expect(!error.isTransient)
        #expect(!error.mayHaveHappened)
        if code == .loginRefused { #expect(error.message.contains("login"), "\(error)") }
        #expect(!error.message.contains("\n"))
    }

    @Test("a watch of what one may not read ends with a reason")
    func refusedWatch() async throws {
        let server = try await guardedServer()
        let client = try client(server, "reader", "r")
        #expect(try await client.get(.prefix("open/"), revision: 0).keys.isEmpty)
        let error = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.prefix("closed/"), from: 1)) { _ in true }
        }
        #expect(error.code == .permissionDenied)
    }

    @Test("a login is not needed where etcd asks for none")
    func needless() async throws {
        let server = try await EtcdServer.start()
        #expect(try await client(server, "root", "secret").put("a", [1]) > 0)
    }

    @Test("many calls at once log in once")
    func together() async throws {
        let server = try await guardedServer()
        let client = try client(server, "root", #"secret "quoted""#)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 { group.addTask { _ = try await client.put("a/\(number)", []) } }
            try await group.waitForAll()
        }
        #expect(try await client.get(.prefix("a/"), revision: 0).keys.count == 20)
    }
}
