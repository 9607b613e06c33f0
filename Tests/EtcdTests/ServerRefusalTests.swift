// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTransport
import TestSupport
import Testing

@testable import Etcd

/// The table of refusals against what real servers say: each rule is produced from one, and sorts it.
@Suite("refusals of real servers", .timeLimit(.minutes(5)))
struct ServerRefusalTests {
    @Test("every rule of the table is there because a server words it so", arguments: EtcdVariety.all)
    func table(variety: EtcdVariety) async throws {
        var heard = Heard(variety: variety)
        try await heard.hearAboutLogins()
        try await heard.hearAboutRequests()
        try await heard.hearAboutAlarms()
        try await heard.hearAboutLeaders()
        try await heard.hearAboutAnotherLeader()
        try await heard.hearAboutLearners()
        try await heard.hearAboutTLS()
        try await heard.hearAboutTheEnd()
        let silent = RefusalRule.all.filter { rule in !heard.rules.contains(rule) }.map(\.words)
        var expected: [[String]] = []
        // Simple tokens grow old only between the moments at which one request is taken and carried out.
        if variety.tokens == .simple { expected.append(RefusalRule.staleLogin) }
        // Since 3.5 a port with TLS hangs up on who does not speak it.
        if heard.isHungUpOn { expected.append(RefusalRule.all[0].words) }
        // A server that ends may hang up before it has said a word.
        if !heard.rules.contains(where: { $0.words == RefusalRule.streamEnd }) {
            expected.append(RefusalRule.streamEnd)
        }
        #expect(silent.sorted { $0[0] < $1[0] } == expected.sorted { $0[0] < $1[0] }, "\(heard.texts)")
    }

    @Test("etcd 3.5.1 is among the servers", .enabled(if: !EtcdVariety.other.isEmpty, "\(EtcdVariety.otherIsMissing)"))
    func bothVersions() async throws {
        let server = try await EtcdServer.start(try #require(EtcdVariety.other.first).options())
        let status = try await server.client().attempt(
            Call(path: "/v3/maintenance/status", body: JSONWriter.object { _ in }, what: "ask", isRepeatable: true),
            StatusAnswer.self, at: 0, token: nil, limit: .seconds(10)
        ).get()
        #expect(status.version == "3.5.1")
    }
}

/// What one kind of server has said so far.
private struct Heard {
    let variety: EtcdVariety
    var rules: Set<RefusalRule> = []
    var texts: [String] = []
    /// The server said nothing to plain HTTP on a port with TLS.
    var isHungUpOn = false

    init(variety: EtcdVariety) { self.variety = variety }

    private typealias Body = (inout JSONWriter) -> Void

    /// Sends one request, once, with the token given; it must be refused with `code`, and by words of the table.
    private mutating func refuse<A: Answer>(
        _ client: EtcdClient, _ path: String, _ type: A.Type, token: String? = nil, as code: EtcdError.Code,
        _ remedy: RefusalRule.Remedy = .tell, needsLeader: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation, body: Body
    ) async throws {
        let call = Call(
            path: path, body: JSONWriter.object(body), what: "try", isRepeatable: true, needsLeader: needsLeader,
            hasHeader: false)
        let result = try await client.attempt(call, type, at: 0, token: token, limit: .seconds(30))
        guard case .failure(let refusal) = result else {
            Issue.record("\(variety) carried \(path) out", sourceLocation: sourceLocation)
            return
        }
        note(refusal, code, remedy, sourceLocation)
    }

    private mutating func note(
        _ refusal: Refusal, _ code: EtcdError.Code, _ remedy: RefusalRule.Remedy, _ location: SourceLocation
    ) {
        let rule = RefusalRule.rule(for: refusal)
        #expect(rule.code == code && rule.remedy == remedy, "\(variety) says \(refusal)", sourceLocation: location)
        texts.append("\(refusal.code) \(refusal.message)")
        if !rule.words.isEmpty { rules.insert(rule) }
    }

    /// How a watch that is refused is; `nil` when it stands.
    private func watch(_ client: EtcdClient, _ key: String, token: String?) async throws -> Refusal? {
        let body = JSONWriter.object { $0.object("create_request") { $0.range(start: Array(key.utf8), end: nil) } }
        let call = Call(path: "/v3/watch", body: body, what: "watch", isRepeatable: true)
        var parser = WatchParser()
        let stream = try await client.http.stream(client.request(call, at: 0, token: token), idle: .wait)
        while let bytes = try await stream.next() {
            for answer in try parser.feed(bytes) {
                if let refusal = answer.refusal { return refusal }
                if answer.message.isCanceled { return Refusal(code: 14, message: answer.message.cancelReason) }
                if answer.message.isCreated { return nil }
            }
        }
        return Refusal(message: "the stream ended")
    }

    private func token(_ client: EtcdClient, _ user: String, _ password: String) async throws -> String {
        let call = Call(
            path: "/v3/auth/authenticate",
            body: JSONWriter.object {
                $0.string("name", user)
                $0.string("password", password)
            },
            what: "log in", isRepeatable: true)
        return try await client.attempt(call, TokenAnswer.self, at: 0, token: nil, limit: .seconds(30)).get().token
    }

    mutating func hearAboutLogins() async throws {
        let server = try await EtcdServer.start(variety.options())
        let client = try server.client(timeout: .seconds(30))
        func login(_ password: String) -> Body {
            {
                $0.string("name", "worker")
                $0.string("password", password)
            }
        }
        let put: Body = { $0.put(key: "work/a", value: [1], lease: .none) }
        let range: Body = { $0.range(start: Array("work/a".utf8), end: nil) }
        try await refuse(
            client, "/v3/auth/authenticate", TokenAnswer.self, as: .invalidRequest, body: login("first"))
        let root = try await EtcdLoginTests.open(server)
        try await refuse(client, "/v3/auth/authenticate", TokenAnswer.self, as: .loginRefused, body: login("wrong"))
        for (token, what) in [(nil, "no token"), ("junk", "junk"), ("junk.1", "junk")] as [(String?, String)] {
            try await refuse(client, "/v3/kv/put", PlainAnswer.self, token: token, as: .server, .login, body: put)
            try await refuse(client, "/v3/kv/range", RangeAnswer.self, token: token, as: .server, .login, body: range)
            try await refuse(
                client, "/v3/maintenance/defragment", PlainAnswer.self, token: token, as: .server, .login
            ) { _ in }
            // Before 3.4.23 and 3.5.6 a watch is denied instead, which `WatchReader` looks into.
            let refusal = try #require(try await watch(client, "work/a", token: token), "a watch with \(what)")
            let rule = RefusalRule.rule(for: refusal)
            #expect(rule.remedy == .login || rule.code == .permissionDenied, "\(refusal)")
        }
        let worker = try await token(client, "worker", "first")
        #expect(try await watch(client, "work/a", token: worker) == nil)
        try await refuse(
            client, "/v3/kv/put", PlainAnswer.self, token: worker, as: .permissionDenied
        ) {
            $0.put(key: "other", value: [], lease: .none)
        }
        try await refuse(client, "/v3/auth/user/list", AuthAnswer.self, token: worker, as: .permissionDenied) { _ in }
        try await refuse(
            client, "/v3/maintenance/defragment", PlainAnswer.self, token: worker, as: .permissionDenied
        ) { _ in }
        note(
            try #require(try await watch(client, "other", token: worker)), .permissionDenied, .tell, #_sourceLocation)
        try await hearOfNames(server)
        // Any change of etcd's users at all.
        try await root.addUser("another", password: "x")
        if variety.tokens == .jwt {
            try await refuse(client, "/v3/kv/put", PlainAnswer.self, token: worker, as: .server, .login, body: put)
            try await refuse(client, "/v3/kv/range", RangeAnswer.self, token: worker, as: .server, .login, body: range)
            try await refuse(client, "/v3/kv/txn", TransactionAnswer.self, token: worker, as: .server, .login) {
                $0.array("success", of: [Operation.put("work/a", [1])]) { $0.operation($1) }
            }
        }
    }

    private mutating func hearOfNames(_ server: EtcdServer) async throws {
        let client = try server.client(timeout: .seconds(30))
        let token = try await token(client, "root", "r")
        for path in ["user/get", "user/delete", "role/delete"] {
            try await refuse(client, "/v3/auth/" + path, AuthAnswer.self, token: token, as: .notFound) {
                $0.string("name", "nobody")
                $0.string("role", "nothing")
            }
        }
        try await refuse(client, "/v3/auth/user/add", AuthAnswer.self, token: token, as: .alreadyExists) {
            $0.string("name", "worker")
            $0.string("password", "x")
        }
        try await refuse(client, "/v3/auth/role/add", AuthAnswer.self, token: token, as: .alreadyExists) {
            $0.string("name", "working")
        }
        try await refuse(client, "/v3/auth/user/revoke", AuthAnswer.self, token: token, as: .notFound) {
            $0.string("name", "root")
            $0.string("role", "working")
        }
        try await refuse(client, "/v3/auth/role/revoke", AuthAnswer.self, token: token, as: .notFound) {
            $0.string("role", "working")
            $0.data("key", "other".utf8)
        }
    }

    mutating func hearAboutRequests() async throws {
        let server = try await EtcdServer.start(variety.options())
        let client = try server.client(timeout: .seconds(30))
        var newest: Int64 = 0
        for number in 0..<5 { newest = try await client.put("a", [UInt8(number)]) }
        try await client.compact(to: newest)
        try await refuse(client, "/v3/kv/range", RangeAnswer.self, as: .compacted) {
            $0.range(start: Array("a".utf8), end: nil)
            $0.integer("revision", newest - 2)
        }
        try await refuse(client, "/v3/kv/put", PlainAnswer.self, as: .leaseNotFound) {
            $0.put(key: "a", value: [], lease: LeaseID(77))
        }
        try await refuse(client, "/v3/lease/revoke", PlainAnswer.self, as: .leaseNotFound) { $0.integer("ID", 77) }
        // These need no words of the table: their gRPC codes say it.
        try await refuse(client, "/v3/kv/range", RangeAnswer.self, as: .invalidRequest) {
            $0.range(start: Array("a".utf8), end: nil)
            $0.integer("revision", newest + 1_000)
        }
        try await refuse(client, "/v3/kv/put", PlainAnswer.self, as: .invalidRequest) {
            $0.put(key: "", value: [], lease: .none)
        }
        for puts in [[Operation](repeating: .put("a", []), count: 2), (0..<129).map { .put("b\($0)", []) }] {
            try await refuse(client, "/v3/kv/txn", TransactionAnswer.self, as: .invalidRequest) {
                $0.array("success", of: puts) { $0.operation($1) }
            }
        }
        try await refuse(client, "/v3/kv/put", PlainAnswer.self, as: .invalidRequest) {
            $0.put(key: "a", value: [UInt8](repeating: 1, count: 1_600_000), lease: .none)
        }
        try await refuse(client, "/v3/lease/grant", LeaseAnswer.self, as: .invalidRequest) {
            $0.integer("TTL", 10_000_000_000)
        }
    }

    mutating func hearAboutAlarms() async throws {
        for (alarm, code) in [("NOSPACE", .noSpace), ("CORRUPT", .corrupt)] as [(String, EtcdError.Code)] {
            let server = try await EtcdServer.start(variety.options())
            let client = try server.client(timeout: .seconds(30))
            try await client.put("a", [1])
            let member = try #require(try await client.members().first)
            let call = Call(
                path: "/v3/maintenance/alarm",
                body: JSONWriter.object {
                    $0.string("action", "ACTIVATE")
                    $0.string("memberID", String(member.id))
                    $0.string("alarm", alarm)
                },
                what: "raise an alarm", isRepeatable: true, hasHeader: false)
            _ = try await client.attempt(call, PlainAnswer.self, at: 0, token: nil, limit: .seconds(30)).get()
            try await refuse(client, "/v3/kv/put", PlainAnswer.self, as: code) {
                $0.put(key: "a", value: [2], lease: .none)
            }
            try await refuse(client, "/v3/kv/txn", TransactionAnswer.self, as: code) {
                $0.array("success", of: [Operation.put("a", [2])]) { $0.operation($1) }
            }
            try await refuse(client, "/v3/lease/grant", LeaseAnswer.self, as: code) { $0.integer("TTL", 60) }
            #expect(try await client.get(.key("a"), revision: 0).keys.map(\.value) == [[1]], "reading goes on")
        }
    }

    mutating func hearAboutLeaders() async throws {
        let cluster = try await EtcdCluster.start(3, options: variety.options())
        let client = try cluster.members[0].client(timeout: .seconds(30))
        for member in cluster.members.dropFirst() { member.kill() }
        // Its requests wait until it has noticed.
        while case .healthy = await client.probe(cluster.members[0].endpoint) {
            try await Task.sleep(for: .milliseconds(20))
        }
        let range: Body = { $0.range(start: Array("a".utf8), end: nil) }
        try await refuse(client, "/v3/kv/range", RangeAnswer.self, as: .noLeader, .again, body: range)
        try await refuse(
            client, "/v3/kv/range", RangeAnswer.self, as: .timedOut, .ifHarmless, needsLeader: false, body: range)
    }

    /// A read waits for the leader's word, and another member takes the lead.
    mutating func hearAboutAnotherLeader() async throws {
        let cluster = try await EtcdCluster.start(3, options: variety.options())
        for _ in 0..<20 {
            guard let leader = try await cluster.leader(),
                let other = cluster.members.first(where: { $0.clientPort != leader.clientPort })
            else { continue }
            leader.pause()
            defer { leader.resume() }
            let client = try other.client(timeout: .seconds(30))
            let call = Call(
                path: "/v3/kv/range", body: JSONWriter.object { $0.range(start: Array("a".utf8), end: nil) },
                what: "try", isRepeatable: true, needsLeader: false, hasHeader: false)
            let answer = try await client.attempt(call, RangeAnswer.self, at: 0, token: nil, limit: .seconds(30))
            if case .failure(let refusal) = answer { return note(refusal, .noLeader, .ifHarmless, #_sourceLocation) }
            // The election was over before the read came.
        }
        Issue.record("\(variety) never had a read wait while its leader changed")
    }

    /// Only a member without a vote can be had to say one of the words of its rule: requests are too many when 5,000 of them wait
    /// to be carried out, and the rest is said by the gateway of a server that is about to end.
    mutating func hearAboutLearners() async throws {
        let server = try await EtcdServer.start(variety.options())
        let learner = try await server.startLearner()
        let client = try learner.client(timeout: .seconds(30))
        try await refuse(client, "/v3/kv/put", PlainAnswer.self, as: .server, .again) {
            $0.put(key: "a", value: [], lease: .none)
        }
        try await refuse(client, "/v3/kv/range", RangeAnswer.self, as: .server, .again) {
            $0.range(start: Array("a".utf8), end: nil)
        }
    }

    /// A server with TLS is told to end, as at `systemctl restart etcd`: its watches are to be tried again.
    mutating func hearAboutTheEnd() async throws {
        var options = try variety.options()
        options.certificates = try EtcdCertificates.make()
        let server = try await EtcdServer.start(options)
        let client = try server.client(timeout: .seconds(30))
        let body = JSONWriter.object { $0.object("create_request") { $0.range(start: Array("a".utf8), end: nil) } }
        let call = Call(path: "/v3/watch", body: body, what: "watch", isRepeatable: true)
        var parser = WatchParser()
        let stream = try await client.http.stream(client.request(call, at: 0, token: nil), idle: .wait)
        while let bytes = try? await stream.next() {
            for answer in try parser.feed(bytes) {
                if let refusal = answer.refusal { return note(refusal, .server, .ifHarmless, #_sourceLocation) }
                if answer.message.isCreated { server.stop() }
            }
        }
    }

    mutating func hearAboutTLS() async throws {
        var options = try variety.options()
        options.certificates = try EtcdCertificates.make()
        let server = try await EtcdServer.start(options)
        let client = try EtcdClient(EtcdConfiguration(endpoints: ["http://127.0.0.1:\(server.clientPort)"]))
        do {
            try await refuse(client, "/v3/kv/range", RangeAnswer.self, as: .tls) {
                $0.range(start: Array("a".utf8), end: nil)
            }
        } catch let error as EtcdError where error.code == .unreachable {
            isHungUpOn = true
        }
    }
}
