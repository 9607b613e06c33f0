// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetAPI
import FleetAPIClient
import FleetCore
import Testing

/// When a machine counts as drained, and what is said until then.
@Suite("drain")
struct DrainTests {
    private static let machines = Fixtures.machines(2)
    private static let path = "/flotilla/v1/machines/\(machines[0].id)"

    /// A machine that had `web.service`, and has `left` now; `later` afterwards.
    private static func api(_ left: [String], later: [String] = []) throws -> CannedAPI {
        func control(_ units: [String]) throws -> TransportResponse {
            try CannedAPI.json(
                API.Control(
                    machine: machines[0].id, cordoned: true, draining: true, since: 1, by: "user:ann", units: units))
        }
        return CannedAPI(
            ["POST \(path)/drain": try control(["web.service"]), "GET \(path)/control": try control(later)],
            first: ["GET \(path)/control": [.success(try control(left))]])
    }

    private static func fleet(_ active: String, _ sub: String) throws -> FakeFleet {
        let web = try Fixtures.unit("web.service", current: .launched, machine: machines[1].id)
        return FakeFleet(
            units: [web], states: [Fixtures.state(web, on: machines[1].id, active, sub)], machines: machines)
    }

    @Test("a machine is drained when what left it has come up elsewhere, and not before")
    func waits() async throws {
        let fleet = try Self.fleet("activating", "start")
        let api = try Self.api(["web.service"])
        async let captured = api.run(["drain", Self.machines[0].id, "--timeout", "10m"], fleet: fleet)
        // It has looked after the machine was empty, more than once.
        while await fleet.stateQuestions < 3 { try await Task.sleep(for: .milliseconds(5)) }
        let web = try Fixtures.unit("web.service", current: .launched, machine: Self.machines[1].id)
        await fleet.tell(.state(Fixtures.state(web, on: Self.machines[1].id, "active", "running")))
        #expect(try await captured.output == "10000000 is drained and takes no new units until 'uncordon'\n")
    }

    @Test("what has gone is waited for also while a unit stays that fits nowhere else", .timeLimit(.minutes(1)))
    func staying() async throws {
        func control(_ units: [String], held: [String: String] = [:]) throws -> TransportResponse {
            try CannedAPI.json(
                API.Control(
                    machine: Self.machines[0].id, cordoned: true, draining: true, since: 1, by: "user:ann",
                    units: units,
                    held: held))
        }
        let fleet = try Self.fleet("activating", "start")
        let api = CannedAPI([
            "POST \(Self.path)/drain": try control(["pin.service", "web.service"]),
            "GET \(Self.path)/control": try control(["pin.service"], held: ["pin.service": "no place"]),
        ])
        let drain = Task { try await api.run(["drain", Self.machines[0].id], fleet: fleet) }
        // It looks three times in a second, and gives what stays up after three.
        while await fleet.stateQuestions < 12 { try await Task.sleep(for: .milliseconds(5)) }
        let web = try Fixtures.unit("web.service", current: .launched, machine: Self.machines[1].id)
        await fleet.tell(.state(Fixtures.state(web, on: Self.machines[1].id, "active", "running")))
        let error = await #expect(throws: ClusterManagerError.self) { try await drain.value }
        #expect(error?.code == .partial)
        #expect(error?.message == "10000000 keeps units that fit nowhere else: pin.service (no place)")
    }

    @Test("a wait without a terminal says what it is for", arguments: [true, false])
    func says(isThere: Bool) async throws {
        let captured = CapturedConsole()
        let units = isThere ? ["web.service"] : []
        let error = await #expect(throws: ClusterManagerError.self) {
            try await Self.api(units, later: units).run(
                ["drain", Self.machines[0].id, "--timeout", "2.5s"], fleet: Self.fleet("activating", "start"),
                on: captured
            )
        }
        let words = isThere ? "10000000 still has web.service" : "web.service of 10000000 is not up yet where it went"
        #expect(error?.code == .timedOut && error?.message == words + "; the cluster goes on working at it")
        #expect(captured.errors == "cluster-manager: \(words)\n")
    }
}
