// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FoundationEssentials
import Testing

@testable import ClusterManager

@Suite("Machines that are not as they should be") struct TroubleWarningTests {
    private static let ids = ["a", "b"].map { String(repeating: $0, count: 32) }

    @Test("a machine that says that something is wrong with it is named beside the list, which stays as it is")
    func trouble() async throws {
        func run(_ trouble: String) async throws -> (output: String, errors: String) {
            let machines = Self.ids.map {
                FleetMachine(id: $0, address: "10.0.0.1", trouble: $0 == Self.ids[1] ? trouble : "")
            }
            let ran = try await CannedAPI([:]).run(["list-machines"], fleet: FakeFleet(machines: machines))
            return (ran.output, ran.errors)
        }
        let words = "its clock is 20 days ahead of etcd's; set it"
        let told = try await run(words)
        let well = try await run("")
        #expect(told.errors == "cluster-manager: machine bbbbbbbb...: \(words)\n", "\(told)")
        #expect(told.output == well.output && well.output.contains("10.0.0.1"))
        #expect(well.errors.isEmpty)
    }

    @Test("a machine whose setting insecure is on is named with every status")
    func insecure() async throws {
        let words = "insecure is on, so whoever reaches its plain TCP addresses may run anything"
        let machines = Self.ids.map {
            FleetMachine(id: $0, address: "10.0.0.1", trouble: $0 == Self.ids[1] ? words : "")
        }
        let told = try await CannedAPI([:]).run(["--status"], fleet: FakeFleet(machines: machines)).errors
        #expect(told == "cluster-manager: machine bbbbbbbb...: \(words)\n", "\(told)")
    }

    @Test("machines that are cordoned are named beside the list, and marked in its JSON")
    func cordoned() async throws {
        let machines = Self.ids.map { FleetMachine(id: $0, address: "10.0.0.1", isCordoned: $0 == Self.ids[1]) }
        let fleet = FakeFleet(machines: machines)
        let told = try await CannedAPI([:]).run(["list-machines"], fleet: fleet)
        #expect(
            told.errors == "cluster-manager: bbbbbbbb takes no new units until 'cluster-manager uncordon'\n",
            "\(told.errors)")
        let json = try await CannedAPI([:]).run(["list-machines", "--output", "json"], fleet: fleet).output
        let rows = try JSONDecoder().decode([[String: JSONFlag]].self, from: Data(json.utf8))
        #expect(rows.map { $0["cordoned"]?.value } == [false, true])
        let column = try await CannedAPI([:]).run(
            ["list-machines", "--no-legend", "--fields", "ip,cordoned"], fleet: fleet
        ).output
        #expect(column.split(separator: "\n").map { $0.split(separator: " ").last.map(String.init) } == ["no", "yes"])
    }

    /// A member of a JSON object that may be a flag.
    private struct JSONFlag: Decodable {
        var value: Bool?

        init(from decoder: any Decoder) throws { value = try? decoder.singleValueContainer().decode(Bool.self) }
    }

    @Test("what the API says of a machine's trouble comes to the lists")
    func adapter() throws {
        let text = #"{"id":"a","primaryIP":"10.0.0.1","trouble":"its clock is off","closed":true}"#
        let machine = try JSONDecoder().decode(API.Machine.self, from: Data(text.utf8))
        #expect(FleetMachine(machine).trouble == "its clock is off" && FleetMachine(machine).isClosed)
        let well = FleetMachine(API.Machine(id: "a"))
        #expect(well.trouble.isEmpty && !well.isClosed)
    }

    @Test("a machine that is off is meant by its whole id, one that is alive by four digits of it")
    func cordonOfMachineThatIsOff() async throws {
        let off = String(repeating: "c", count: 32)
        func answer(_ id: String) throws -> [String: TransportResponse] {
            [
                "POST /flotilla/v1/machines/\(id)/cordon": try CannedAPI.json(
                    API.Control(machine: id, cordoned: true, draining: false, since: 1, by: "ada", units: []))
            ]
        }
        let fleet = FakeFleet(machines: Self.ids.map { FleetMachine(id: $0, address: "10.0.0.1") })
        let api = CannedAPI(try answer(off))
        _ = try await api.run(["cordon", off], fleet: fleet)
        #expect(api.asked.contains("POST /flotilla/v1/machines/\(off)/cordon"))
        let begun = CannedAPI(try answer(Self.ids[0]))
        _ = try await begun.run(["cordon", "aaaa"], fleet: fleet)
        #expect(begun.asked.contains("POST /flotilla/v1/machines/\(Self.ids[0])/cordon"))
        await #expect(throws: ClusterManagerError.self) { try await api.run(["cordon", "cc"], fleet: fleet) }
    }
}
