// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Synchronization
import Testing

@testable import FleetAPIServer

/// `fleetctl restart` of fleet 1.0, request by request.
@Suite("restart by fleet's client", .timeLimit(.minutes(5)))
struct FleetctlRestartTests {
    /// A clock that stands until it is moved.
    private final class HandClock: Sendable {
        private let offset = Mutex(Duration.zero)
        private let start = ContinuousClock.now
        var now: ContinuousClock.Instant { start + offset.withLock { $0 } }
        func move(_ span: Duration) { offset.withLock { $0 += span } }
    }

    private let clock = HandClock()
    private let cluster = MemoryCluster(
        Sample.unit("hello.service", .launched) + [Sample.machine(Sample.machineA)])

    private static let client = "google-api-go-client/0.5"

    private func service() -> APIService {
        let clock = clock
        return APIService(access: cluster, version: "9.9", lag: FleetClientLag(now: { clock.now }))
    }

    /// What the unit's agent has issued to systemd by now.
    private func issue(_ state: TargetState) {
        cluster.apply([Sample.assigned("hello.service", state), Sample.reported("hello.service", state)])
    }

    private func ask(
        _ service: APIService, _ method: String, _ body: String? = nil, agent: String = client,
        unit: String = "hello.service"
    ) async throws -> ServerReply {
        await service.respond(
            to: ServerRequest(
                method: method, target: "/fleet/v1/units/\(unit)?alt=json",
                headers: [(name: "User-Agent", value: agent), (name: "Content-Type", value: "application/json")],
                caller: .itself, body: { () async throws(ServerFailure) in Array((body ?? "").utf8) }))
    }

    private func current(_ service: APIService, agent: String = client) async throws -> String? {
        guard case .bytes(let bytes) = try await ask(service, "GET", agent: agent).body else { return nil }
        return try JSON(parsing: bytes)["currentState"]?.string
    }

    @Test("the stop shows a moment late, so that the client goes on to start the unit again")
    func sequence() async throws {
        let service = service()
        issue(.launched)
        #expect(try await ask(service, "PUT", #"{"desiredState":"loaded","name":"hello.service"}"#).status == 204)
        issue(.loaded)
        // The client looks for `launched` each 250 ms; whoever else asks sees what is so.
        #expect(try await current(service) == "launched")
        #expect(try await current(service, agent: "curl/7.88") == "loaded")
        clock.move(.milliseconds(250))
        #expect(try await current(service) == "launched")
        #expect(try await ask(service, "PUT", #"{"desiredState":"launched","name":"hello.service"}"#).status == 204)
        #expect(try await current(service) == "loaded", "a start shows when it is so")
        issue(.launched)
        #expect(try await current(service) == "launched")
    }

    @Test("a stop that stays one shows after 600 ms, and one by others at once")
    func ends() async throws {
        let service = service()
        issue(.launched)
        _ = try await ask(service, "PUT", #"{"desiredState":"loaded","name":"hello.service"}"#)
        issue(.loaded)
        clock.move(.milliseconds(599))
        #expect(try await current(service) == "launched")
        clock.move(.milliseconds(1))
        #expect(try await current(service) == "loaded")
        issue(.launched)
        _ = try await ask(service, "PUT", #"{"desiredState":"launched","name":"hello.service"}"#)
        _ = try await ask(service, "PUT", #"{"desiredState":"loaded","name":"hello.service"}"#, agent: "curl/7.88")
        issue(.loaded)
        #expect(try await current(service) == "loaded")
    }
}
