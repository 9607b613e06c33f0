// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import Testing

@testable import ClusterManager

@Suite("which machine is meant")
struct MachineChoiceTests {
    private static let machines = [
        FleetMachine(id: Fixtures.id("4b0034e8"), address: "172.17.8.101", name: "worker-1"),
        FleetMachine(id: Fixtures.id("19feb34b"), address: "172.17.8.102", name: "worker-2"),
        FleetMachine(id: Fixtures.id("19fecccc"), address: "172.17.8.103", name: "4b00"),
    ]

    @Test(
        "by name, by address, by the whole id, by four digits of it, and as tables show it",
        arguments: [
            ("worker-1", 0), ("172.17.8.102", 1), (machines[1].id, 1), ("19feb", 1), ("4b0034e8...", 0),
            ("4b0034e8.../172.17.8.101", 0), ("19FEB34B", 1),
        ])
    func meant(word: String, index: Int) throws {
        #expect(try RemoteTarget.machine(word, among: Self.machines) == Self.machines[index])
    }

    @Test(
        "never by less, and never by what means two",
        arguments: [
            ("1", "too short"), ("4", "too short"), ("19f", "too short"), ("", "names no machine"), ("...", "names no"),
            ("19fe", "means 2 machines"), ("4b00", "means 2 machines"), ("worker", "no machine has the name"),
            ("172.17.8", "no machine has the name"), ("9999", "no machine has the name"),
        ])
    func unclear(word: String, words: String) {
        let error = #expect(throws: ClusterManagerError.self) {
            try RemoteTarget.machine(word, among: Self.machines)
        }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test("an order to a machine says whom it reached, and a digit reaches nobody", arguments: ["cordon", "uncordon"])
    func orders(verb: String) async throws {
        let id = Self.machines[1].id
        let api = CannedAPI([
            "POST /flotilla/v1/machines/\(id)/\(verb)": try CannedAPI.json(
                API.Control(machine: id, cordoned: true, draining: false, since: 1, by: "user:ann", units: []))
        ])
        let fleet = FakeFleet(machines: Self.machines)
        let said = try await api.run([verb, "worker-2"], fleet: fleet).output
        #expect(said.hasPrefix("worker-2 (19feb34b) ") && said.count { $0 == "\n" } == 1)
        let away = String(repeating: "a", count: 32)
        for word in ["1", "drain"] {
            await #expect(throws: ClusterManagerError.self) { try await api.run([verb, word], fleet: fleet) }
        }
        #expect(api.asked.count == 1)
        // Of a machine that is away nothing is known but what the operator says.
        await #expect(throws: ClusterManagerError.self) { try await api.run([verb, away], fleet: fleet) }
        #expect(api.asked.last == "POST /flotilla/v1/machines/\(away)/\(verb)")
    }
}
