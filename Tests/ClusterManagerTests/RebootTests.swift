// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Testing

@testable import ClusterManager

/// How the command learns that a machine was gone and is back, from whomever it asks.
@Suite("reboot")
struct RebootTests {
    private static let machine = Fixtures.machines(1)[0]

    private static let path = "/flotilla/v1/machines/\(machine.id)"

    private static func control(_ isClosed: Bool, units: [String] = []) throws -> TransportResponse {
        try CannedAPI.json(
            API.Control(
                machine: machine.id, cordoned: isClosed, draining: isClosed, since: 1, by: "user:ann", units: units))
    }

    private static func drain(_ state: String, _ reason: String? = nil) throws -> TransportResponse {
        try CannedAPI.json(
            API.Operation(
                id: "drain-1", kind: "drain", machine: machine.id, by: "user:ann", asked: 1, state: state,
                reason: reason, limit: 600))
    }

    /// The API of a machine that was `cordoned` before or not, with what goes wrong first.
    private static func api(
        cordoned: Bool = false, first: [String: [Result<TransportResponse, TransportFailure>]] = [:]
    ) throws -> CannedAPI {
        let closed = try control(true)
        var first = first
        first["GET \(path)/control", default: []].insert(.success(try control(cordoned)), at: 0)
        return CannedAPI(
            [
                "GET \(path)/control": closed, "PUT /flotilla/v1/operations/NEW": try drain("running"),
                "GET /flotilla/v1/operations/drain-1": try drain("done"),
                "POST \(path)/reboot": try CannedAPI.json([""]), "POST \(path)/uncordon": try control(false),
            ], first: first)
    }

    @discardableResult
    private func reboot(
        _ seen: [Result<[FleetMachine], ClusterManagerError>], _ more: String..., on api: CannedAPI? = nil
    ) async throws -> (api: CannedAPI, output: String) {
        let api = try api ?? Self.api()
        // The first answer is to the question which machine is meant.
        let captured = try await api.run(
            ["reboot", Self.machine.id] + more,
            fleet: FakeFleet(machines: [Self.machine], answersAboutMachines: [.success([Self.machine])] + seen))
        return (api, captured.output)
    }

    private static func failure(_ code: ClusterManagerError.Code) -> Result<[FleetMachine], ClusterManagerError> {
        .failure(ClusterManagerError(code, "no answer", isTransient: true))
    }

    @Test(
        "a machine that was missing, or that was asked and did not answer, and is there again, has restarted",
        arguments: [.success([]), failure(.unreachable)])
    func returns(seen: Result<[FleetMachine], ClusterManagerError>) async throws {
        let (api, output) = try await reboot([.success([Self.machine]), seen], "--timeout", "60s")
        #expect(output == "10000000 is back and takes units again\n")
        #expect(api.asked.last == "POST /flotilla/v1/machines/\(Self.machine.id)/uncordon")
    }

    @Test("a cluster that refuses to answer has not restarted the machine")
    func refused() async throws {
        let error = await #expect(throws: ClusterManagerError.self) {
            try await reboot([.success([Self.machine]), Self.failure(.refused)], "--timeout", "1s")
        }
        #expect(error?.code == .timedOut)
        let words =
            "has not gone down; it stays cordoned; it takes no new units: cluster-manager uncordon 10000000 opens it"
        #expect(error?.message.hasSuffix(words) == true, "\(String(describing: error))")
    }

    @Test("a machine that an operator had cordoned stays so")
    func cordonedBefore() async throws {
        let (api, output) = try await reboot([.success([])], on: Self.api(cordoned: true))
        #expect(!api.asked.contains { $0.hasSuffix("/uncordon") })
        #expect(output == "10000000 is back; it was cordoned before, so it takes no new units until 'uncordon'\n")
    }

    @Test("an agent that is away for a while ends neither the drain nor the opening afterwards")
    func agentRestarts() async throws {
        let lost = Result<TransportResponse, TransportFailure>.failure(TransportFailure(.broken, "gone"))
        let away = Result<TransportResponse, TransportFailure>.failure(TransportFailure(.unreachable, "gone"))
        let api = try Self.api(
            first: [
                "PUT /flotilla/v1/operations/NEW": [lost, away],
                "GET /flotilla/v1/operations/drain-1": [lost, away, .success(try Self.drain("running"))],
                "POST \(Self.path)/uncordon": [lost, away],
            ])
        let (_, output) = try await reboot([.success([])], on: api)
        #expect(output == "10000000 is back and takes units again\n")
        #expect(api.asked.count { $0.hasSuffix("/uncordon") } == 3)
    }

    @Test("a drain that stands paused ends the reboot before anything restarts")
    func paused() async throws {
        let api = try Self.api(
            first: [
                "GET /flotilla/v1/operations/drain-1": [.success(try Self.drain("paused", "web.service has failed"))]
            ])
        let error = await #expect(throws: ClusterManagerError.self) { try await reboot([], on: api) }
        #expect(error?.code == .partial && error?.message.contains("web.service has failed") == true)
        #expect(error?.message.contains("cluster-manager uncordon 10000000 opens it") == true)
        #expect(!api.asked.contains { $0.hasSuffix("/reboot") })
    }

    @Test("an order whose answer is lost was given when the machine goes down, and is told of when it does not")
    func lostAnswer() async throws {
        let lost = [
            "POST \(Self.path)/reboot": [Result<TransportResponse, TransportFailure>.failure(.init(.broken, "gone"))]
        ]
        let (api, _) = try await reboot([.success([])], on: Self.api(first: lost))
        #expect(api.asked.count { $0.hasSuffix("/reboot") } == 1, "it is not given twice")
        let error = await #expect(throws: ClusterManagerError.self) {
            try await reboot([], "--timeout", "1s", on: Self.api(first: lost))
        }
        #expect(error?.message.contains("the order had no answer") == true, "\(String(describing: error))")
    }

    @Test("an order that never got there is not waited for")
    func unsent() async throws {
        let away = [
            "POST \(Self.path)/reboot": [
                Result<TransportResponse, TransportFailure>.failure(.init(.unreachable, "gone"))
            ]
        ]
        let error = await #expect(throws: ClusterManagerError.self) {
            try await reboot([.success([])], on: Self.api(first: away))
        }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains("cluster-manager uncordon 10000000 opens it") == true)
    }
}
