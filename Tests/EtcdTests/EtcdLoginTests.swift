// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Etcd

/// What becomes of a login under way: passwords that change, users that go, tokens that end.
@Suite(.timeLimit(.minutes(5)))
struct EtcdLoginTests {
    /// An etcd with logins on, root's client, and a user `worker` that may do anything with `work/`.
    private struct Rig {
        let server: EtcdServer
        let root: EtcdClient

        func client(
            password: String = "first", _ change: (inout EtcdConfiguration) -> Void = { _ in }
        ) throws -> EtcdClient {
            var configuration = server.configuration(timeout: .seconds(30))
            configuration.user = "worker"
            configuration.password = password
            change(&configuration)
            return try EtcdClient(configuration)
        }
    }

    private func rig(_ options: EtcdServer.Options = EtcdServer.Options()) async throws -> Rig {
        let server = try await EtcdServer.start(options)
        let root = try await Self.open(server)
        return Rig(server: server, root: root)
    }

    /// Turns logins on, and gives root's client.
    @discardableResult
    static func open(_ server: EtcdServer) async throws -> EtcdClient {
        var configuration = server.configuration(timeout: .seconds(30))
        configuration.user = "root"
        configuration.password = "r"
        let root = try EtcdClient(configuration)
        try await root.addUser("root", password: "r")
        try await root.addRole("root")
        try await root.grantRole("root", to: "root")
        try await root.addRole("working")
        try await root.grant(EtcdPermission(.readWrite, .prefix("work/")), to: "working")
        try await root.addUser("worker", password: "first")
        try await root.grantRole("working", to: "worker")
        try await root.enableAuth()
        return root
    }

    @Test("an etcd that was set back is recognized, although it holds back what comes with a token of its later self")
    func setBack() async throws {
        let rig = try await rig()
        // The token is given late in raft's log, where the etcd that comes back never gets to.
        for _ in 0..<100 { try await rig.root.put("filler", []) }
        let patient = try rig.client()
        try await patient.put("work/a", [1])
        let client = patient.withTimeout(.seconds(2))
        rig.server.kill()
        rig.server.eraseData()
        try await rig.server.start()
        try await Self.open(rig.server)

        var last: EtcdError?
        for _ in 0..<30 where last?.code != .storeReplaced {
            do throws(EtcdError) { _ = try await client.get(.prefix("work/"), revision: 0) } catch { last = error }
        }
        #expect(last?.code == .storeReplaced, "\(String(describing: last))")
        #expect(client.seesAnotherStore)
        let write = try await #require(throws: EtcdError.self) { try await client.put("work/b", [1]) }
        #expect(write.code == .storeReplaced && !write.mayHaveHappened)
        var fresh = rig.server.configuration(timeout: .seconds(30))
        (fresh.user, fresh.password) = ("worker", "first")
        #expect(
            try await EtcdClient(fresh).get(.prefix("work/"), revision: 0).keys.isEmpty, "nothing was written there")
    }

    @Test("a password changed under way ends the login with a word of its own, and the new password begins another")
    func changedPassword() async throws {
        let rig = try await rig()
        let client = try rig.client()
        try await client.put("work/a", [1])
        #expect(try await rig.root.changePassword(of: "worker", to: "second"))
        let error = try await #require(throws: EtcdError.self) { try await client.put("work/a", [2]) }
        #expect(error.code == .loginRefused)
        #expect(!error.isTransient && !error.mayHaveHappened)
        #expect(!error.message.contains("first"))
        let watchError = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.prefix("work/"), from: 1)) { _ in true }
        }
        #expect(watchError.code == .loginRefused)
        await client.withTimeout(.seconds(20)).useLogin(user: "worker", password: "second")
        try await client.put("work/a", [3])
        #expect(try await client.get(.key("work/a"), revision: 0).keys.map(\.value) == [[3]])
    }

    @Test("a user deleted under way is told that the login is refused, and one without a right that it is not allowed")
    func deletedUser() async throws {
        let rig = try await rig()
        let client = try rig.client()
        try await client.put("work/a", [1])
        let denied = try await #require(throws: EtcdError.self) { try await client.put("other", [1]) }
        #expect(denied.code == .permissionDenied)
        #expect(try await rig.root.deleteUser("worker"))
        let refused = try await #require(throws: EtcdError.self) { try await client.put("work/a", [2]) }
        #expect(refused.code == .loginRefused)
        #expect(try await rig.root.get(.key("work/a"), revision: 0).keys.map(\.value) == [[1]])
    }

    @Test("an etcd that is down or has no leader is no refused login")
    func outage() async throws {
        let rig = try await rig()
        let client = try rig.client { $0.requestTimeout = .seconds(3) }
        rig.server.stop()
        let error = try await #require(throws: EtcdError.self) { try await client.put("work/a", [1]) }
        #expect(error.code == .unreachable)
        #expect(error.isTransient)
        #expect(!error.mayHaveHappened)
        try await rig.server.start()
        try await client.withTimeout(.seconds(30)).put("work/a", [1])
    }

    @Test("a write whose login got no answer has certainly not happened")
    func hungLogin() async throws {
        let rig = try await rig()
        let client = try rig.client { $0.requestTimeout = .milliseconds(300) }
        rig.server.pause()
        defer { rig.server.resume() }
        let error = try await #require(throws: EtcdError.self) { try await client.put("work/a", [1]) }
        #expect(error.code == .timedOut)
        #expect(error.isTransient)
        #expect(!error.mayHaveHappened)
    }

    @Test("a watch that begins with a token etcd has forgotten logs in again by itself")
    func forgottenToken() async throws {
        let rig = try await rig()
        let client = try rig.client()
        let first = try await client.put("work/a", [1])
        rig.server.stop()
        try await rig.server.start()
        // Nothing else uses this client, so the watch itself finds that its token is gone.
        let batches = try await collect(client.watch(.prefix("work/"), from: first)) { _ in true }
        #expect(batches.map(\.revision) == [first])
        rig.server.stop()
        try await rig.server.start()
        try await client.put("work/a", [2])
        #expect(try await rig.root.get(.key("work/a"), revision: 0).keys.map(\.value) == [[2]])
    }

    @Test("a watch of a user that may not read ends, whatever etcd says of old tokens")
    func deniedWatch() async throws {
        let rig = try await rig()
        let client = try rig.client()
        let error = try await #require(throws: EtcdError.self) {
            _ = try await collect(client.watch(.prefix("other/"), from: 1)) { _ in true }
        }
        #expect(error.code == .permissionDenied)
    }

    @Test("logins may be turned on under a client that has already talked to etcd, and off again")
    func turnedOn() async throws {
        let server = try await EtcdServer.start()
        var configuration = server.configuration(timeout: .seconds(30))
        configuration.user = "root"
        configuration.password = "r"
        let client = try EtcdClient(configuration)
        let stranger = try server.client(timeout: .seconds(30))
        try await client.put("a", [1])
        #expect(try await !client.isAuthEnabled())
        #expect(try await !stranger.isAuthEnabled())
        let early = try await #require(throws: EtcdError.self) { try await client.enableAuth() }
        #expect(early.code == .invalidRequest)
        #expect(try await client.addUser("root", password: "r"))
        #expect(try await !client.addUser("root", password: "r"))
        #expect(try await client.addRole("root"))
        #expect(try await !client.addRole("root"))
        try await client.grantRole("root", to: "root")
        try await client.enableAuth()
        try await client.enableAuth()
        try await client.put("a", [2])
        #expect(try await client.isAuthEnabled())
        #expect(try await stranger.isAuthEnabled())
        let error = try await #require(throws: EtcdError.self) { try await stranger.put("a", [3]) }
        #expect(error.code == .loginRefused)
        #expect(error.message.contains("asks for a login"))
        try await client.disableAuth()
        try await stranger.put("a", [4])
        try await client.put("a", [5])
    }

    @Test("users, roles and rights are made, listed and taken back")
    func administration() async throws {
        let rig = try await rig()
        let root = rig.root
        #expect(try await root.users() == ["root", "worker"])
        #expect(try await root.roles() == ["root", "working"])
        #expect(try await root.roles(of: "worker") == ["working"])
        #expect(try await root.roles(of: "nobody") == nil)
        let reading = EtcdPermission(.read, .key("one"))
        try await root.grant(reading, to: "working")
        #expect(
            try await root.permissions(of: "working") == [reading, EtcdPermission(.readWrite, .prefix("work/"))])
        #expect(try await root.permissions(of: "nothing") == nil)
        let client = try rig.client()
        #expect(try await client.get(.key("one"), revision: 0).keys.isEmpty)
        #expect(try await root.revoke(reading, from: "working"))
        #expect(try await !root.revoke(reading, from: "working"))
        let error = try await #require(throws: EtcdError.self) {
            _ = try await client.get(.key("one"), revision: 0)
        }
        #expect(error.code == .permissionDenied)
        #expect(try await root.revokeRole("working", from: "worker"))
        #expect(try await !root.revokeRole("working", from: "worker"))
        #expect(try await root.deleteRole("working"))
        #expect(try await !root.deleteRole("working"))
        #expect(try await root.deleteUser("worker"))
        #expect(try await !root.deleteUser("worker"))
        #expect(try await !root.changePassword(of: "worker", to: "x"))
        let missing = try await #require(throws: EtcdError.self) { try await root.grantRole("x", to: "root") }
        #expect(missing.code == .notFound)
    }

    @Test(
        "a password that is about to change is tried, too, where the present one is refused, and is the one from then on"
    )
    func expected() async throws {
        let (old, new) = (Login(user: "u", password: "old"), Login(user: "u", password: "new"))
        let refusal = EtcdError(code: .loginRefused, message: "no", isTransient: false, mayHaveHappened: false)
        let keeper = TokenKeeper(old, idleLimit: .seconds(3_600), firstRest: .seconds(30))
        await #expect(throws: EtcdError.self) { try await keeper.token(replacing: nil) { _ in .failure(refusal) } }
        // The refusal of before is no reason to wait.
        await keeper.expect(new)
        for bad in [nil, "new"] {
            let token = try await keeper.token(replacing: bad) { login in
                login == new ? .success(bad == nil ? "new" : "newer") : .failure(refusal)
            }
            #expect(token == (bad == nil ? "new" : "newer"))
            #expect(await keeper.login == new)
        }
        // A change that came to nothing: the former one counts as ever.
        let unchanged = TokenKeeper(old, idleLimit: .seconds(3_600))
        await unchanged.expect(new)
        #expect(try await unchanged.token(replacing: nil) { .success($0.password) } == "old")
        #expect(await unchanged.login == old)
    }

    @Test("an idle login is renewed before it is used, and a refused one is not tried again at once")
    func keeper() async throws {
        let (counts, count) = AsyncStream<Login>.makeStream()
        var made = counts.makeAsyncIterator()
        let idle = TokenKeeper(Login(user: "u", password: "p"), idleLimit: .zero)
        for number in 1...2 {
            let token = try await idle.token(replacing: nil) { login in
                count.yield(login)
                return .success("t\(number)")
            }
            #expect(token == "t\(number)")
            #expect(await made.next()?.user == "u")
        }
        let keeper = TokenKeeper(
            Login(user: "u", password: "p"), idleLimit: .seconds(3_600), firstRest: .seconds(30))
        for _ in 1...3 {
            let error = await #expect(throws: EtcdError.self) {
                try await keeper.token(replacing: nil) { login in
                    count.yield(login)
                    return .failure(
                        EtcdError(code: .loginRefused, message: "no", isTransient: false, mayHaveHappened: false))
                }
            }
            #expect(error?.code == .loginRefused)
        }
        await keeper.use(Login(user: "v", password: "q"))
        for _ in 1...3 {
            let token = try await keeper.token(replacing: nil) { login in
                count.yield(login)
                return .success("good")
            }
            #expect(token == "good")
        }
        count.finish()
        var rest: [String] = []
        while let login = await made.next() { rest.append(login.user) }
        #expect(rest == ["u", "v"])
    }
}
