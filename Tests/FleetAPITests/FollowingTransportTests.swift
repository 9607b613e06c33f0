// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FoundationEssentials
import Synchronization
import Testing

@Suite("A request that another machine alone can do")
struct FollowingTransportTests {
    /// Machines by their addresses; one that has no answer is not there.
    private final class Machines: Sendable {
        let answers: [String: Result<TransportResponse, TransportFailure>]
        let asked = Mutex<[String]>([])

        init(_ answers: [String: Result<TransportResponse, TransportFailure>]) { self.answers = answers }

        func transport(_ name: String) -> any APITransport { Way(machines: self, name: name) }

        func client() -> FollowingTransport {
            FollowingTransport(transport("first")) { self.transport($0.description) }
        }
    }

    private struct Way: APITransport {
        let machines: Machines
        let name: String

        func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
            machines.asked.withLock {
                $0.append("\(name) \(request.target) \(String(decoding: request.body, as: UTF8.self))")
            }
            return try (machines.answers[name] ?? .failure(TransportFailure(.unreachable, "nobody"))).get()
        }

        func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
            throw TransportFailure(.broken, "no streams here")
        }
    }

    private static let request = TransportRequest(
        method: "POST", target: "/flotilla/v1/users", body: Array("x".utf8), deadline: .seconds(1))

    private static func elsewhere(_ places: [String]?, status: Int = 421) throws -> TransportResponse {
        let body = API.ErrorBody(code: status, message: "not here", askAt: places)
        return TransportResponse(status: status, body: Array(try JSONEncoder().encode(body)))
    }

    @Test("it goes on to the first machine that is named and there, and the answer says who gave it")
    func followed() async throws {
        let machines = Machines([
            "first": .success(try Self.elsewhere(["tls:10.0.0.1:1", "tls:10.0.0.2:2", "tls:10.0.0.3:3"])),
            "tls:10.0.0.1:1": .failure(TransportFailure(.untrusted, "who is that?")),
            "tls:10.0.0.2:2": .success(TransportResponse(status: 201)),
        ])
        let answer = try await machines.client().send(Self.request)
        #expect(answer.status == 201 && answer.endpoint == "tls:10.0.0.2:2")
        let asked = machines.asked.withLock { $0 }
        #expect(asked == ["first", "tls:10.0.0.1:1", "tls:10.0.0.2:2"].map { "\($0) /flotilla/v1/users x" })
    }

    @Test("it goes on once: who is named there, too, is not asked")
    func once() async throws {
        let machines = Machines([
            "first": .success(try Self.elsewhere(["tls:10.0.0.1:1"])),
            "tls:10.0.0.1:1": .success(try Self.elsewhere(["tls:10.0.0.2:2"])),
        ])
        let answer = try await machines.client().send(Self.request)
        #expect(answer.status == 421 && answer.endpoint == "tls:10.0.0.1:1")
        #expect(machines.asked.withLock { $0.count } == 2)
    }

    @Test(
        "it stays where nobody is named who has to prove himself, where nobody is there, and with any other answer",
        arguments: [
            (nil, 421), ([], 421), (["tcp:10.0.0.1:1", "unix:/run/x", "tls:", "x"], 421), (["tls:10.0.0.9:1"], 421),
            (["tls:10.0.0.1:1"], 403), (["tls:10.0.0.1:1"], 200),
        ] as [([String]?, Int)])
    func stays(places: [String]?, status: Int) async throws {
        let machines = Machines([
            "first": .success(try Self.elsewhere(places, status: status)),
            "tls:10.0.0.1:1": .success(TransportResponse(status: 201)),
        ])
        let answer = try await machines.client().send(Self.request)
        #expect(answer.status == status && answer.endpoint == nil)
    }

    @Test("who is pointed at and does not answer is named as such, with what to do, and not as somebody to ask")
    func silent() async throws {
        let places = ["tls:10.0.0.1:1", "tls:10.0.0.2:2"]
        let machines = Machines([
            "first": .success(try Self.elsewhere(places)),
            "tls:10.0.0.2:2": .failure(TransportFailure(.untrusted, "who is that?")),
        ])
        let answer = try await machines.client().send(Self.request)
        let body = try JSONDecoder().decode(API.ErrorBody.self, from: Data(answer.body))
        #expect(answer.status == 421 && body.error.code == 421 && body.error.askAt == places)
        #expect(
            body.error.message
                == "the machine with the cluster's authority does not answer at tls:10.0.0.1:1 (nobody), nor at "
                + "tls:10.0.0.2:2 (who is that?); start it, or its node-agent.service, and try again; if it is lost, bring a "
                + "copy of the authority to another machine")
        // Where nobody was asked, the words are whose they are.
        let other = Machines(["first": .success(try Self.elsewhere(["unix:/run/x"]))])
        let words = try await other.client().send(Self.request).body
        #expect(try JSONDecoder().decode(API.ErrorBody.self, from: Data(words)).error.message == "not here")
    }

    @Test("what may have been done there is told as it is", arguments: [TransportFailure.Kind.timedOut, .broken])
    func unknown(kind: TransportFailure.Kind) async throws {
        let machines = Machines([
            "first": .success(try Self.elsewhere(["tls:10.0.0.1:1", "tls:10.0.0.2:2"])),
            "tls:10.0.0.1:1": .failure(TransportFailure(kind, "no answer")),
        ])
        let error = await #expect(throws: TransportFailure.self) {
            _ = try await machines.client().send(Self.request)
        }
        #expect(error?.kind == kind && error?.endpoint == "tls:10.0.0.1:1")
        #expect(machines.asked.withLock { $0.count } == 2)
    }
}
