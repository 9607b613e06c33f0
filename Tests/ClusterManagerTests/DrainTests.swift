// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetAPI
import FleetAPIClient
import FleetCore
import Testing

/// What a drain and a move say while the cluster is at it, and how they end.
@Suite("drain and move", .timeLimit(.minutes(1)))
struct DrainTests {
    private static let machines = Fixtures.machines(3)
    private static let new = "PUT /flotilla/v1/operations/NEW"
    private static let read = "GET /flotilla/v1/operations/drain-1"

    private static func operation(
        _ state: String, _ reason: String? = nil, kind: String = "drain", steps: [API.OperationStep] = [],
        left: [String] = []
    ) throws -> TransportResponse {
        try CannedAPI.json(
            API.Operation(
                id: "drain-1", kind: kind, machine: machines[0].id, by: "user:ann", asked: 1, state: state,
                reason: reason, limit: 600, steps: steps, left: left))
    }

    private static func step(_ result: String?, _ reason: String? = nil) -> API.OperationStep {
        API.OperationStep(
            unit: "web.service", from: machines[0].id, to: machines[1].id, result: result, reason: reason)
    }

    private static let fleet = FakeFleet(machines: machines)

    private func drain(_ words: String..., on api: CannedAPI) async throws -> CapturedConsole {
        try await api.run(["drain", Self.machines[0].id] + words, fleet: Self.fleet)
    }

    @Test("it is done when the operation is, and each step is told as it ends")
    func done() async throws {
        let api = CannedAPI(
            [
                Self.new: try Self.operation("running"),
                Self.read: try Self.operation("done", steps: [Self.step("done")]),
            ],
            first: [
                Self.read: [.success(try Self.operation("running", steps: [Self.step(nil)], left: ["web.service"]))]
            ])
        let captured = try await drain(on: api)
        #expect(captured.output == "10000000 is drained and takes no new units until 'uncordon'\n")
        #expect(captured.errors.hasSuffix("web.service is on 11000000\n"), "\(captured.errors)")
        #expect(api.asked.first == Self.new && api.asked.count { $0 == Self.read } == 2)
    }

    @Test("who does not wait is told how to follow it and how to end it")
    func noBlock() async throws {
        let api = CannedAPI([Self.new: try Self.operation("running")])
        let captured = try await drain("--no-block", on: api)
        #expect(
            captured.output
                == "10000000 hands its units over and takes no new ones until 'uncordon'; cluster-manager operation watch "
                + "drain-1 follows it, operation pause drain-1 or abort drain-1 stops it\n")
        #expect(api.asked == [Self.new])
        #expect(
            try api.body(API.OperationRequest.self) == .init(kind: "drain", machine: Self.machines[0].id, limit: 600))
    }

    @Test("the time for a step goes along")
    func timeout() async throws {
        let api = CannedAPI([Self.new: try Self.operation("running")])
        _ = try await drain("--no-block", "--timeout", "90s", on: api)
        #expect(try api.body(API.OperationRequest.self).limit == 90)
    }

    @Test(
        "what is no success is told with its reason and what to do",
        arguments: [
            (
                "paused", ClusterManagerError.Code.partial,
                "operation drain-1 is paused: no room; cluster-manager operation resume"
            ),
            ("aborted", .refused, "operation drain-1 was aborted: no room"),
            ("failed", .refused, "operation drain-1 has failed: no room"),
        ])
    func ends(state: String, code: ClusterManagerError.Code, words: String) async throws {
        let api = CannedAPI([Self.new: try Self.operation("running"), Self.read: try Self.operation(state, "no room")])
        let error = await #expect(throws: ClusterManagerError.self) { try await drain(on: api) }
        #expect(error?.code == code)
        #expect(error?.message.hasPrefix("10000000 is not drained: \(words)") == true, "\(error?.message ?? "")")
    }

    @Test("a machine that is being drained is drained by that operation, which goes on if it was paused")
    func again() async throws {
        let paused = API.Operation(
            id: "drain-1", kind: "drain", machine: Self.machines[0].id, by: "", asked: 1, state: "paused", limit: 600)
        let api = CannedAPI([
            Self.new: try CannedAPI.refusal(409, "operation drain-1 drains that machine already; it is paused"),
            "GET /flotilla/v1/operations": try CannedAPI.json(API.OperationList(operations: [paused])),
            "POST /flotilla/v1/operations/drain-1/resume": try Self.operation("running"),
            Self.read: try Self.operation("done"),
        ])
        #expect(try await drain(on: api).output == "10000000 is drained and takes no new units until 'uncordon'\n")
        #expect(api.asked.contains("POST /flotilla/v1/operations/drain-1/resume"))
    }

    @Test("a plan shows each unit's way, does nothing, and ends as the operation would")
    func plan() async throws {
        let path = "POST /flotilla/v1/plans"
        let steps = [Self.step("done")]
        let good = CannedAPI([path: try CannedAPI.json(API.OperationPlan(steps: steps, state: "done"))])
        let captured = try await drain("--dry-run", on: good)
        #expect(captured.output == "UNIT         FROM      TO\nweb.service  10000000  11000000\n")
        #expect(good.asked == [path])
        for (state, code) in [
            ("paused", ClusterManagerError.Code.partial), ("failed", .refused), ("running", .partial),
        ] {
            let api = CannedAPI([
                path: try CannedAPI.json(API.OperationPlan(steps: steps, state: state, reason: "no room"))
            ])
            let error = await #expect(throws: ClusterManagerError.self) { try await drain("--dry-run", on: api) }
            #expect(error?.code == code && error?.message.hasSuffix("no room") == true)
        }
    }

    @Test("a move names the machine, and says where the unit is at the end")
    func move() async throws {
        let web = try Fixtures.unit("web.service", current: .launched, machine: Self.machines[0].id)
        let fleet = FakeFleet(units: [web], machines: Self.machines)
        let api = CannedAPI([
            Self.new: try Self.operation("running", kind: "move"),
            Self.read: try Self.operation("done", kind: "move", steps: [Self.step("done")]),
        ])
        let captured = try await api.run(["move", "web", Self.machines[1].id], fleet: fleet)
        #expect(captured.output == "web.service is on 11000000\n")
        let waiting = CannedAPI([Self.new: try Self.operation("running", kind: "move")])
        let left = try await waiting.run(["move", "web", Self.machines[1].id, "--no-block"], fleet: fleet)
        #expect(left.output.hasPrefix("web.service is being moved; cluster-manager operation watch drain-1"))
        let wanted = API.OperationRequest(kind: "move", machine: Self.machines[1].id, unit: "web.service", limit: 600)
        #expect(try waiting.body(API.OperationRequest.self) == wanted)
    }

    @Test("a unit that an operation has on its way is told with status 6")
    func held() async throws {
        let body = API.ErrorBody(
            code: 409, message: "operation drain-1 has web.service on its way", operation: "drain-1")
        let answer = try CannedAPI.json(body, status: 409)
        let client = FleetClient(
            endpoint: APIEndpoint.unix(path: "/nowhere"),
            transport: CannedAPI(["POST /fleet/v1/units/web.service/restart": answer]))
        let error = await #expect(throws: APIError.self) { try await client.restart("web.service") }
        #expect(error?.code == .held)
        #expect(error.map { ClusterManagerError($0).exitStatus } == .held)
    }
}
