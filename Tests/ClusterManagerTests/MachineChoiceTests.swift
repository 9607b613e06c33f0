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
        #expect(api.asked.count { $0.hasPrefix("POST") } == 1)
        // Of a machine that is away nothing is known but what the operator says.
        await #expect(throws: ClusterManagerError.self) { try await api.run([verb, away], fleet: fleet) }
        #expect(api.asked.last == "POST /flotilla/v1/machines/\(away)/\(verb)")
    }

    private static let off = Fixtures.id("682b")

    /// An API at which `worker-3` has joined, and one that was revoked; those of `machines` that are alive have, too.
    private static func members(_ answers: [String: TransportResponse] = [:]) throws -> CannedAPI {
        func member(_ id: String, _ name: String, revokedAt: Int64? = nil) -> API.Member {
            API.Member(id: id, name: name, roles: ["agent"], joinedAt: 0, revokedAt: revokedAt)
        }
        let list = API.MemberList(
            machines: machines.map { member($0.id, $0.name) } + [
                member(off, "worker-3"), member(Fixtures.id("7777"), "gone", revokedAt: 1),
            ])
        return CannedAPI(answers.merging(["GET /flotilla/v1/identities": try CannedAPI.json(list)]) { $1 })
    }

    @Test(
        "one that is off is closed and opened by its name and by digits of its id",
        arguments: ["worker-3", "682b", "682b0000...", off])
    func offOrders(word: String) async throws {
        let path = "POST /flotilla/v1/machines/\(Self.off)/cordon"
        let control = API.Control(
            machine: Self.off, cordoned: true, draining: false, since: 1, by: "user:ann", units: [])
        let api = try Self.members([path: try CannedAPI.json(control)])
        let said = try await api.run(["cordon", word], fleet: FakeFleet(machines: Self.machines)).output
        #expect(said.hasPrefix("worker-3 (682b0000) is cordoned"))
        #expect(api.asked.last == path)
    }

    @Test(
        "what needs a machine that is there says of one that it is off",
        arguments: [
            "reboot worker-3", "metadata set 682b a=b", "metadata delete worker-3 a", "metadata show worker-3",
            "journal web --machine worker-3", "ssh -- worker-3 uptime", "ssh --machine 682b -- uptime",
        ])
    func isOff(line: String) async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service")], machines: Self.machines)
        let api = try Self.members()
        let error = await #expect(throws: ClusterManagerError.self) {
            try await api.run(line.split(separator: " ").map(String.init), fleet: fleet)
        }
        #expect(error?.code == .unit)
        #expect(
            error?.message.hasPrefix("machine worker-3 (682b0000) is not in the cluster now; ") == true,
            "\(String(describing: error))")
        #expect(await fleet.requests.isEmpty)
        #expect(!api.asked.contains { $0.hasPrefix("POST") })
    }

    @Test(
        "one that was revoked, or that two living ones could be, is none that is off",
        arguments: ["gone", "7777", "19fe"])
    func notOff(word: String) async throws {
        let api = try Self.members()
        let error = await #expect(throws: ClusterManagerError.self) {
            try await api.run(["cordon", word], fleet: FakeFleet(machines: Self.machines))
        }
        let words = word == "19fe" ? "'19fe' means 2 machines" : "no machine has the name or address '\(word)'"
        #expect(error?.message.hasPrefix(words) == true, "\(String(describing: error))")
    }

    @Test(
        "of members, whose addresses nobody keeps, none is asked for",
        arguments: [
            ("zz", "no machine has the name 'zz', or an id that begins so; see 'cluster-manager machine list'"),
            (
                "1",
                "'1' is too short for a machine's id; write its name or at least 4 digits of its id; see 'cluster-manager "
                    + "machine list'"
            ),
        ])
    func memberWords(word: String, message: String) {
        let error = #expect(throws: ClusterManagerError.self) {
            try MachineChoice.find(word, among: [Fixtures.id("10")], of: .members, id: { $0 }, names: { _ in [] })
        }
        #expect(error?.message == message)
    }

    @Test("members are completed by name and id, those that are revoked are not")
    func memberChoices() {
        func member(_ id: String, _ name: String, revokedAt: Int64? = nil) -> API.Member {
            API.Member(id: Fixtures.id(id), name: name, roles: [], joinedAt: 1, revokedAt: revokedAt)
        }
        let members = [member("10", "worker-1"), member("11", "worker-2", revokedAt: 2)]
        #expect(UnitCompletion.choices(members, "") == ["worker-1"])
        #expect(UnitCompletion.choices(members, "1") == ["worker-1", "10000000"])
    }
}
