// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Testing

@testable import ClusterManager

/// How the command learns that a machine was gone and is back, from whomever it asks.
@Suite("reboot")
struct RebootTests {
    private static let machine = Fixtures.machines(1)[0]

    private func reboot(_ seen: [Result<[FleetMachine], ClusterManagerError>], _ more: String...) async throws
        -> CannedAPI
    {
        let path = "/flotilla/v1/machines/\(Self.machine.id)"
        let drained = try CannedAPI.json(
            API.Control(machine: Self.machine.id, cordoned: true, draining: true, since: 1, by: "user:ann", units: []))
        let api = CannedAPI([
            "POST \(path)/drain": drained, "GET \(path)/control": drained,
            "POST \(path)/reboot": try CannedAPI.json([""]),
            "POST \(path)/uncordon": drained,
        ])
        // The first answer is to the question which machine is meant.
        _ = try await api.run(
            ["reboot", Self.machine.id] + more,
            fleet: FakeFleet(machines: [Self.machine], answersAboutMachines: [.success([Self.machine])] + seen))
        return api
    }

    private static func failure(_ code: ClusterManagerError.Code) -> Result<[FleetMachine], ClusterManagerError> {
        .failure(ClusterManagerError(code, "no answer", isTransient: true))
    }

    @Test(
        "a machine that was missing, or that was asked and did not answer, and is there again, has restarted",
        arguments: [.success([]), failure(.unreachable)])
    func returns(seen: Result<[FleetMachine], ClusterManagerError>) async throws {
        let api = try await reboot([.success([Self.machine]), seen], "--timeout", "60s")
        #expect(api.asked.last == "POST /flotilla/v1/machines/\(Self.machine.id)/uncordon")
    }

    @Test("a cluster that refuses to answer has not restarted the machine")
    func refused() async throws {
        let error = await #expect(throws: ClusterManagerError.self) {
            try await reboot([.success([Self.machine]), Self.failure(.refused)], "--timeout", "1s")
        }
        #expect(error?.code == .timedOut)
        #expect(
            error?.message.hasSuffix("has not gone down; it stays cordoned") == true, "\(String(describing: error))")
    }
}
