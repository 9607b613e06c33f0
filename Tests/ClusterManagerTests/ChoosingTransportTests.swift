// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Synchronization
import Testing

@testable import ClusterManager

@Suite("asking another server of the cluster")
struct ChoosingTransportTests {
    /// A server that answers its own name or fails as it is told.
    private final class Server: APITransport {
        let name: String
        private let failure = Mutex<TransportFailure.Kind?>(nil)
        private let count = Mutex(0)

        init(_ name: String) { self.name = name }

        func fail(_ kind: TransportFailure.Kind?) { failure.withLock { $0 = kind } }
        var asked: Int { count.withLock { $0 } }

        func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
            count.withLock { $0 += 1 }
            if let kind = failure.withLock({ $0 }) { throw TransportFailure(kind, name) }
            return TransportResponse(status: 200, body: Array(name.utf8))
        }

        func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
            TransportStream(status: try await send(request).status, body: AsyncThrowingStream { $0.finish() })
        }
    }

    private let one = Server("one")
    private let two = Server("two")

    private func transport(anew: Server) -> ChoosingTransport {
        let (first, second) = (one, anew)
        return ChoosingTransport(first: .init(endpoint: first.name, transport: first)) {
            .init(endpoint: second.name, transport: second)
        }
    }

    private func ask(_ transport: ChoosingTransport) async throws(TransportFailure) -> String {
        let request = TransportRequest(method: "POST", target: "/", deadline: .seconds(60))
        return String(decoding: try await transport.send(request).body, as: UTF8.self)
    }

    @Test(
        "what never got to a server goes to another one at once, and all that follows, too",
        arguments: [TransportFailure.Kind.unreachable, .untrusted])
    func unreachable(kind: TransportFailure.Kind) async throws {
        let transport = transport(anew: two)
        #expect(try await ask(transport) == "one")
        one.fail(kind)
        #expect(try await ask(transport) == "two")
        one.fail(nil)
        #expect(try await ask(transport) == "two")
    }

    @Test(
        "what may have got there is not sent again; the next request goes elsewhere",
        arguments: [
            TransportFailure.Kind.broken, .timedOut,
        ])
    func broken(kind: TransportFailure.Kind) async throws {
        let transport = transport(anew: two)
        one.fail(kind)
        await #expect(throws: TransportFailure(kind, "one", endpoint: "one")) { try await ask(transport) }
        #expect(two.asked == 0)
        #expect(try await ask(transport) == "two")
    }

    @Test("where there is no other server the failure is told")
    func alone() async throws {
        let transport = transport(anew: one)
        one.fail(.unreachable)
        await #expect(throws: TransportFailure(.unreachable, "one", endpoint: "one")) { try await ask(transport) }
        #expect(one.asked == 1)
    }

    @Test("a message names the server that was asked, also when a stream of it breaks off")
    func named() async throws {
        one.fail(.unreachable)
        two.fail(.broken)
        let client = FleetClient(endpoint: .unix(path: "/one"), transport: transport(anew: two))
        let broken = await #expect(throws: APIError.self) { try await client.units() }
        #expect(broken?.endpoint == "two" && broken?.message.contains("the exchange with two broke off (two)") == true)
        two.fail(nil)
        let malformed = await #expect(throws: APIError.self) { try await client.units() }
        #expect(malformed?.endpoint == "two" && malformed?.message.contains("two sent") == true)
        // It ends at once, which an endless stream must not.
        let events = try await client.events()
        let ended = await #expect(throws: APIError.self) { for try await _ in events {} }
        #expect(ended?.endpoint == "two" && ended?.message.contains("the exchange with two broke off") == true)
    }
}
