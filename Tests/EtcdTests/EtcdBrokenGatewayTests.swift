// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import TestSupport
import Testing

/// What a real etcd does only now and then, done every time by a server of the test's own.
@Suite(.timeLimit(.minutes(5)))
struct EtcdBrokenGatewayTests {
    private func client(_ servers: RawServer..., timeout: Duration = .seconds(60)) throws -> EtcdClient {
        try EtcdClient(EtcdConfiguration(endpoints: servers.map(\.url), requestTimeout: timeout))
    }

    private static let good = #"{"header":{"cluster_id":"1","member_id":"2","revision":"7"}}"#

    @Test("a write whose answer is lost is sent once and may have happened")
    func lostAnswer() async throws {
        let broken = try RawServer { _ = $0.readRequest() }
        let other = try RawServer { while $0.readRequest() != nil { $0.answer(Self.good) } }
        let client = try client(broken, other)
        let error = try await #require(throws: EtcdError.self) { try await client.put("a", [1]) }
        #expect(error.code == .unreachable)
        #expect(error.mayHaveHappened)
        #expect(broken.requests.count == 1)
        #expect(other.requests.isEmpty)
        // The next one starts where hope is.
        #expect(try await client.put("a", [1]) == 7)
        #expect(broken.requests.count == 1)
    }

    @Test("a write whose answer is lost on a kept connection is sent once as well")
    func lostAnswerOnKeptConnection() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.answer(Self.good)
            _ = connection.readRequest()
        }
        let client = try client(server)
        try await client.put("a", [1])
        let error = try await #require(throws: EtcdError.self) { try await client.put("b", [1]) }
        #expect(error.mayHaveHappened)
        #expect(server.requests.count == 2)
    }

    @Test("a read whose answer is lost is asked elsewhere")
    func lostRead() async throws {
        let broken = try RawServer { _ = $0.readRequest() }
        let other = try RawServer { while $0.readRequest() != nil { $0.answer(Self.good) } }
        #expect(try await client(broken, other).get(.key("a"), revision: 0).revision == 7)
        #expect(broken.requests.count == 1)
    }

    @Test(
        "refusals that passing trouble brings are tried elsewhere only when the write did not happen",
        arguments: [
            (#"{"error":"etcdserver: no leader","code":14}"#, true),
            (#"{"error":"etcdserver: too many requests","code":2}"#, true),
            (#"{"code":14,"message":"etcdserver: no leader","details":[]}"#, true),
            (#"{"error":"etcdserver: request timed out","code":14}"#, false),
            (#"{"error":"etcdserver: request timed out, possibly due to previous leader failure","code":14}"#, false),
            (#"{"error":"etcdserver: server stopped","code":14}"#, false),
            ("Bad Gateway", false),
        ])
    func refusedWrite(body: String, isTriedElsewhere: Bool) async throws {
        let broken = try RawServer { connection in
            while connection.readRequest() != nil { connection.answer(body, status: "503 Service Unavailable") }
        }
        let other = try RawServer { while $0.readRequest() != nil { $0.answer(Self.good) } }
        let client = try client(broken, other)
        if isTriedElsewhere {
            #expect(try await client.put("a", [1]) == 7)
        } else {
            let error = try await #require(throws: EtcdError.self) { try await client.put("a", [1]) }
            #expect(error.mayHaveHappened)
            #expect(error.isTransient)
            #expect(other.requests.isEmpty)
        }
        #expect(broken.requests.count == 1)
    }

    @Test("an endpoint that hangs leaves time for the others")
    func hungEndpoint() async throws {
        let hung = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        let other = try RawServer { while $0.readRequest() != nil { $0.answer(Self.good) } }
        let client = try client(hung, other, timeout: .seconds(20))
        let start = ContinuousClock.now
        #expect(try await client.get(.key("a"), revision: 0).revision == 7)
        // The hung one had its share, which is half.
        #expect(ContinuousClock.now - start >= .seconds(10))
        #expect(try await client.get(.key("a"), revision: 0).revision == 7)
        #expect(hung.requests.count == 1)
    }

    @Test(
        "an answer that cannot be understood is an error, never a crash and never a success",
        arguments: [
            "", "{", "{}", "[]", "null", #"{"header":{"cluster_id":"1"}} {}"#, "null junk", "\"text\"",
            #"{"kvs":[{"key":"!!!"}]}"#, #"{"kvs":{}}"#,
            #"{"header":{"revision":"x"}}"#, #"{"header":{"revision":"99999999999999999999"}}"#,
            #"{"kvs":[{"key":"YQ=="}"#, "<html>hello</html>",
        ])
    func nonsense(body: String) async throws {
        let server = try RawServer { while $0.readRequest() != nil { $0.answer(body) } }
        let error = try await #require(throws: EtcdError.self) {
            try await client(server).get(.key("a"), revision: 0)
        }
        #expect(error.code == .malformedAnswer)
        #expect(!error.isTransient)
    }

    @Test("a transaction's answer that leaves out operations is not taken for success")
    func shortTransaction() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                connection.answer(
                    #"{"header":{"cluster_id":"1","revision":"7"},"succeeded":true,"responses":[{"response_put":{}}]}"#)
            }
        }
        let error = try await #require(throws: EtcdError.self) {
            try await client(server).commit(Transaction(then: [.put("a", []), .put("b", [])]))
        }
        #expect(error.code == .malformedAnswer)
        #expect(error.mayHaveHappened)
    }

    @Test("a renewal that is refused inside a successful answer is refused")
    func refusedRenewal() async throws {
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                connection.answer(
                    #"{"error":{"grpc_code":7,"http_code":403,"message":"etcdserver: permission denied"}}"#)
            }
        }
        let error = try await #require(throws: EtcdError.self) { try await client(server).keepAlive(LeaseID(1)) }
        #expect(error.code == .permissionDenied)
    }

    @Test("a server that is no etcd is told from one that is")
    func stranger() async throws {
        let server = try RawServer { while $0.readRequest() != nil { $0.answer("Not Found", status: "404 Not Found") } }
        let error = try await #require(throws: EtcdError.self) { try await client(server).put("a", []) }
        #expect(error.code == .server)
        #expect(!error.isTransient)
        #expect(error.message.contains("404"))
        var configuration = EtcdConfiguration(endpoints: [server.url])
        configuration.probeTimeout = .seconds(20)
        guard case .unknown(let reason) = await (try EtcdClient(configuration)).probe(server.url) else {
            Issue.record("a stranger passes for etcd")
            return
        }
        #expect(reason.contains("404"))
    }
}
