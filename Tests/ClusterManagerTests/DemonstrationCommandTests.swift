// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import FoundationEssentials
import Testing

@Suite("the demonstrator's commands")
struct DemonstrationCommandTests {
    private static let header = "Inaetics Environment starting with 2 Celix agents and 2 Felix agents\n"
    private static let firstStart =
        header + """
            Triggered unit provisioning.service start
            Triggered unit felix@1.service start
            Triggered unit felix@2.service start
            Triggered unit celix@1.service start
            Triggered unit celix@2.service start

            """

    @Test("the documented session: start, start again, scale out, scale in, start again, stop, stop again")
    func session() async throws {
        try await Fixtures.withFolder { folder in
            let fleet = FakeFleet()
            func say(_ arguments: String) async -> Session {
                await Session.run("\(arguments) --unitFilesPath=\(folder)", on: fleet)
            }
            let first = await say("--start")
            #expect(first.output == Self.firstStart)
            #expect(first.errors.isEmpty)
            #expect(first.status == .success)

            let before = await fleet.requests.count
            #expect(await say("--start").output == Self.header)
            #expect(await fleet.requests.count == before)

            let out = await say("--celixAgents=3 --start --felixAgents=3")
            #expect(
                out.output == """
                    Inaetics Environment starting with 3 Celix agents and 3 Felix agents
                    Triggered unit felix@3.service start
                    Triggered unit celix@3.service start

                    """)
            let scaledIn = await say("--start --celixAgents=2 --felixAgents=2")
            #expect(
                scaledIn.output == Self.header + """
                    Triggered unit felix@3.service stop
                    Triggered unit felix@3.service unload
                    Triggered unit celix@3.service stop
                    Triggered unit celix@3.service unload

                    """)
            let left = try #require(await fleet.view.units[UnitName(unchecked: "felix@3.service")])
            #expect(left.desired == .inactive && left.current == .inactive && left.machine == nil)
            #expect(await say("--start --celixAgents=3").output.contains("Triggered unit celix@3.service start\n"))

            let stop = await Session.run("--stop", on: fleet)
            #expect(stop.status == .success)
            #expect(stop.output.hasSuffix("Destroyed provisioning.service\n"))
            #expect(await fleet.view.units.isEmpty)
            #expect(await fleet.view.states.isEmpty)
            let again = await Session.run("--stop", on: fleet)
            #expect(again.status == .success && again.output.isEmpty)
            let words = "no unit of the demonstrator is in the cluster, so there is nothing to stop"
            #expect(again.errors == "cluster-manager: \(words)\n")
            let json = await Session.run("--stop --output json", on: fleet)
            #expect(json.status == .success && json.errors == "{\"note\":\"\(words)\"}\n")
        }
    }

    @Test("agents beyond what the machines take are submitted, with one warning line each kind")
    func surplus() async throws {
        try await Fixtures.withFolder { folder in
            let fleet = FakeFleet(machines: Fixtures.machines(3))
            let session = await Session.run(
                "--start --felixAgents=4 --celixAgents=3 --unitFilesPath=\(folder)", on: fleet)
            #expect(session.status == .success)
            #expect(
                session.errors
                    == "cluster-manager: 2 of 4 felix agents will wait for a machine: 3 machines are up, each takes one "
                    + "felix agent, and the one with provisioning takes none; they are placed when machines join\n")
            #expect(session.output.contains("Triggered unit felix@4.service start\n"))
            let status = await Session.run("--status", on: fleet)
            #expect(
                status.output.contains(
                    "\nUnits waiting for a machine:\nUNIT             REASON\nfelix@3.service  no machine"))
        }
    }

    @Test(
        "nothing is sent when the folder is unusable",
        arguments: [
            (["felix@.service": Fixtures.felixText, "celix@.service": Fixtures.celixText], "there is no such file"),
            (
                [
                    "provisioning.service": "no unit file", "felix@.service": Fixtures.felixText,
                    "celix@.service": Fixtures.celixText,
                ], "provisioning.service: line 1"
            ),
            (
                [
                    "provisioning.service": Fixtures.provisioningText, "felix@.service": Fixtures.felixText,
                    "celix@.service": Fixtures.celixText + "Global=true\nMachineID=0123456789abcdef0123456789abcdef\n",
                ], "celix@.service"
            ),
            (
                [
                    "provisioning.service": Fixtures.provisioningText, "felix@.service": Fixtures.felixText,
                    "celix@.service": Fixtures.celixText + String(repeating: "# filling\n", count: 110_000),
                ], "may have at most 1048576"
            ),
        ])
    func unusableFolder(files: [String: String], complaint: String) async throws {
        try await Fixtures.withFolder(files) { folder in
            let fleet = FakeFleet()
            let session = await Session.run("--start --unitFilesPath=\(folder)", on: fleet)
            #expect(session.status == .failure)
            #expect(session.output.isEmpty)
            #expect(session.errors.contains(complaint), "\(session.errors)")
            #expect(session.errors.count { $0 == "\n" } == 1)
            #expect(await fleet.requests.isEmpty)
        }
    }

    @Test("a link to a device is refused, not read")
    func device() async throws {
        try await Fixtures.withFolder(["felix@.service": Fixtures.felixText]) { folder in
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/provisioning.service", withDestinationPath: "/dev/zero")
            let session = await Session.run("--start --unitFilesPath=\(folder)")
            #expect(session.errors.contains("it is not a regular file"))
        }
    }

    @Test("the folder comes from the environment when nothing else is there")
    func folderOfEnvironment() async throws {
        try await Fixtures.withFolder { folder in
            let usual = ["/opt/inaetics/fleet/units", "/opt/flotilla/units"].first {
                FileManager.default.fileExists(atPath: $0)
            }
            let path = try DemonstrationFolder.path(nil, environment: ["FLOTILLA_UNITS": folder])
            #expect(path == usual ?? folder)
            #expect(try DemonstrationFolder.path("/elsewhere", environment: [:]) == "/elsewhere")
        }
    }

    @Test("the repository's own unit files are accepted, and leave room for four agents of each kind on five machines")
    func ownFiles() throws {
        let repository = URL(filePath: #filePath).appending(path: "../../..").standardized
        let files = try DemonstrationFolder.read(repository.appending(path: "units").path)
        for kind in AgentKind.allCases {
            let most = try #require(AgentLimit(kind, files: files, machines: 5).most)
            #expect(most >= 4)
        }
    }

    @Test("a request that fails half way says how far it came, and the next start takes up the rest")
    func interrupted() async throws {
        try await Fixtures.withFolder { folder in
            let refusal = ClusterManagerError(.refused, "cannot create unit felix@2.service: no space")
            let broken = FakeFleet(refusals: ["create felix@2.service launched": refusal])
            let session = await Session.run("--start --unitFilesPath=\(folder)", on: broken)
            #expect(session.status == .incomplete)
            #expect(session.errors.contains("no space; 4 of 7 requests were carried out"))
            let repaired = FakeFleet(units: await broken.view.sortedUnits, machines: Fixtures.machines(5))
            let second = await Session.run("--start --unitFilesPath=\(folder)", on: repaired)
            #expect(second.output.contains("felix@2") && !second.output.contains("felix@1"))
        }
    }

    @Test("a second start starts what has ended or failed, and leaves alone what runs")
    func deadAgents() async throws {
        try await Fixtures.withFolder { folder in
            let fleet = FakeFleet()
            _ = await Session.run("--start --unitFilesPath=\(folder)", on: fleet)
            for (name, active, sub) in [
                ("provisioning.service", "failed", "failed"), ("celix@2.service", "inactive", "dead"),
            ] {
                let unit = try #require(await fleet.view.units[UnitName(unchecked: name)])
                let machine = try #require(unit.machine)
                await fleet.tell(.state(Fixtures.state(unit, on: machine, active, sub)))
            }
            let before = await fleet.requests.count
            let session = await Session.run("--start --unitFilesPath=\(folder)", on: fleet)
            #expect(session.status == .success, "\(session.errors)")
            let sent = await fleet.requests.dropFirst(before)
            #expect(Array(sent) == ["restart provisioning.service", "restart celix@2.service"])
            #expect(
                session.output == Self.header + "Triggered unit provisioning.service start\n"
                    + "Triggered unit celix@2.service start\n")
        }
    }

    @Test("--start --wait returns when everything runs")
    func waiting() async throws {
        try await Fixtures.withFolder { folder in
            let session = await Session.run("--start --wait --unitFilesPath=\(folder)")
            #expect(session.status == .success)
            #expect(session.output.hasPrefix(Self.firstStart))
            #expect(session.output.contains("Unit felix@2.service launched on 12000000.../172.17.8.103\n"))
        }
    }

    @Test("results can be had as JSON")
    func json() async throws {
        try await Fixtures.withFolder { folder in
            let fleet = FakeFleet()
            let start = await Session.run("--start --output json --unitFilesPath=\(folder)", on: fleet)
            let results = try #require(
                try JSONDecoder().decode([[String: JSONValue]].self, from: Data(start.output.utf8)).last)
            #expect(results["unit"] == .text("celix@2.service"))
            let status = await Session.run("--status --output json", on: fleet)
            let report = try JSONDecoder().decode([String: [[String: JSONValue]]].self, from: Data(status.output.utf8))
            #expect(report["machines"]?.count == 5)
            #expect(report["unitFiles"]?.count == 7)
            #expect(report["units"]?.count == 5)
            #expect(report["waiting"] == [])
        }
    }
}

/// As much of JSON as the tests look at.
enum JSONValue: Decodable, Equatable {
    case text(String)
    case other

    init(from decoder: any Decoder) throws {
        self = (try? decoder.singleValueContainer().decode(String.self)).map(JSONValue.text) ?? .other
    }
}
