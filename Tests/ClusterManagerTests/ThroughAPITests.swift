// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetAPI
import FleetAPIClient
import FleetAPIServer
import FleetCore
import FoundationEssentials
import Testing

@Suite("through the real API")
struct ThroughAPITests {
    private func fleet(_ cluster: RunningCluster) -> FleetClientAdapter {
        let service = APIService(access: cluster, version: "9.9")
        return FleetClientAdapter(
            FleetClient(endpoint: .unix(path: "/test.sock"), transport: DirectTransport(service: service)))
    }

    @Test("the documented session of the demonstrator")
    func demonstrator() async throws {
        try await Fixtures.withFolder { folder in
            let cluster = RunningCluster(machines: 5)
            let fleet = fleet(cluster)
            let first = await Session.run("--start --wait --unitFilesPath=\(folder)", on: fleet)
            #expect(first.errors.isEmpty)
            #expect(first.output.count { $0 == "\n" } == 11)
            let again = await Session.run("--start --unitFilesPath=\(folder)", on: fleet)
            #expect(again.output == "Inaetics Environment starting with 2 Celix agents and 2 Felix agents\n")
            #expect(again.errors.isEmpty)
            let out = await Session.run("--start --celixAgents=3 --felixAgents=5 --unitFilesPath=\(folder)", on: fleet)
            #expect(out.errors.hasPrefix("cluster-manager: 1 of 5 felix agents will wait for a machine"))
            let status = await Session.run("--status", on: fleet)
            #expect(status.output.contains("celix@3.service       "))
            #expect(
                status.output.hasSuffix(
                    """
                    Units waiting for a machine:
                    UNIT             REASON
                    felix@5.service  conflicts refuse 5 of 5 machines


                    """))
            let stop = await Session.run("--stop", on: fleet)
            #expect(stop.status == .success && stop.errors.isEmpty)
            #expect(cluster.now.units.isEmpty && cluster.now.states.isEmpty)
        }
    }

    @Test("a unit's life, comments of its file included")
    func life() async throws {
        try await Fixtures.withFolder(["web.service": "# A comment.\n" + Fixtures.plainText]) { folder in
            let fleet = fleet(RunningCluster(machines: 2))
            let place = "10000000.../172.17.8.101"
            let steps = [
                ("submit \(folder)/web.service", "Unit web.service inactive\n"),
                ("cat web", "# A comment.\n" + Fixtures.plainText),
                ("load web", "Unit web.service loaded on \(place)\n"),
                ("start web", "Unit web.service launched on \(place)\n"),
                ("restart web", "Unit web.service launched on \(place)\n"),
                ("start web", "Unit web.service launched on \(place)\n"),
                (
                    "list-units --no-legend --fields unit,machine,load,active,sub",
                    "web.service  \(place)  loaded  active  running\n"
                ),
                ("stop web", "Unit web.service loaded on \(place)\n"),
                ("unload web", "Unit web.service inactive\n"), ("destroy web", "Destroyed web.service\n"),
                ("list-unit-files --no-legend", ""),
            ]
            for (arguments, output) in steps {
                let session = await Session.run(arguments, on: fleet)
                #expect(session.output == output, "\(arguments)")
                #expect(session.errors.isEmpty, "\(arguments): \(session.errors)")
                #expect(session.status == .success, "\(arguments)")
            }
        }
    }

    @Test("what cat gives is what was submitted, and a change of a comment is one")
    func wholeText() async throws {
        let first = "\u{FEFF}# a\r\n# one \\\r\n" + Fixtures.plainText
        let second = "\u{FEFF}# a\r\n# two \\\r\n" + Fixtures.plainText
        try await Fixtures.withFolder(["web.service": first]) { folder in
            let cluster = RunningCluster(machines: 1)
            let fleet = fleet(cluster)
            #expect(await Session.run("start \(folder)/web.service", on: fleet).status == .success)
            #expect(await Session.run("cat web", on: fleet).output.utf8.elementsEqual(first.utf8))
            #expect(await Session.run("apply --dry-run \(folder)", on: fleet).output.contains("is unchanged"))
            try Data(second.utf8).write(to: URL(filePath: "\(folder)/web.service"))
            let warned = await Session.run("start \(folder)/web.service", on: fleet)
            #expect(warned.errors.contains("differs from the file here"), "\(warned.errors)")
            #expect(await Session.run("start --replace \(folder)/web.service", on: fleet).status == .success)
            #expect(await Session.run("cat web", on: fleet).output.utf8.elementsEqual(second.utf8))
            let hash = ContentHash(of: second).rawValue
            let list = await Session.run("list-unit-files --full --no-legend --fields hash", on: fleet)
            #expect(list.output == hash + "\n")
        }
    }

    @Test("a unit with a line that fleet's clients could not send is listed like others")
    func longLine() async throws {
        let text = Fixtures.plainText + "Environment=A=" + String(repeating: "x", count: 3000) + "\n"
        try await Fixtures.withFolder(["long.service": text, "web.service": Fixtures.plainText]) { folder in
            let fleet = fleet(RunningCluster(machines: 1))
            let submit = await Session.run("submit \(folder)/long.service \(folder)/web.service", on: fleet)
            #expect(submit.status == .success, "\(submit.errors)")
            let list = await Session.run("list-unit-files --no-legend --fields unit", on: fleet)
            #expect(list.output == "long.service\nweb.service\n", "\(list.errors)")
            #expect(
                await Session.run("apply --dry-run \(folder)", on: fleet).output.contains(
                    "Unit long.service is unchanged"))
        }
    }

    @Test("a failing unit, a finished one, and a global one end start with the truth")
    func outcomes() async throws {
        let cluster = RunningCluster(
            machines: 1, outcomes: ["bad.service": "failed/failed", "once.service": "inactive/dead"])
        let files = [
            "bad.service": Fixtures.plainText, "once.service": Fixtures.otherText, "log.service": Fixtures.globalText,
        ]
        try await Fixtures.withFolder(files) { folder in
            let fleet = fleet(cluster)
            let place = "10000000.../172.17.8.101"
            let once = await Session.run("start \(folder)/once.service", on: fleet)
            #expect(once.output == "Unit once.service launched on \(place), and has finished\n")
            let global = await Session.run("start \(folder)/log.service", on: fleet)
            #expect(global.output == "Triggered global unit log.service start\n")
            let bad = await Session.run("start \(folder)/bad.service", on: fleet)
            #expect(bad.status == .failure)
            #expect(
                bad.errors
                    == "cluster-manager: unit bad.service failed on \(place); see 'cluster-manager status bad.service'\n"
            )
        }
    }

    @Test("a unit that no machine takes: the reason at once, and status 2 when the time is up")
    func unplaceable() async throws {
        let fleet = fleet(RunningCluster(machines: 0))
        try await Fixtures.withFolder(["web.service": Fixtures.plainText]) { folder in
            let session = await Session.run("start \(folder)/web.service --block-attempts 5", on: fleet)
            #expect(session.status == .incomplete)
            let lines = session.errors.split(separator: "\n")
            #expect(
                lines.first == "cluster-manager: unit web.service waits for a machine: conflicts refuse 0 of 0 machines"
            )
            #expect(lines.last?.hasPrefix("cluster-manager: gave up waiting after 10 s: 1 of 1 units") == true)
        }
    }

    @Test("--replace runs the new file, and the wait is for that")
    func replace() async throws {
        let cluster = RunningCluster(machines: 1)
        let fleet = fleet(cluster)
        try await Fixtures.withFolder(["web.service": Fixtures.plainText]) { folder in
            _ = await Session.run("start \(folder)/web.service", on: fleet)
        }
        try await Fixtures.withFolder(["web.service": Fixtures.otherText]) { folder in
            let session = await Session.run("start --replace \(folder)/web.service", on: fleet)
            #expect(session.output == "Unit web.service launched on 10000000.../172.17.8.101\n")
            #expect(session.errors.isEmpty)
        }
        let name = UnitName(unchecked: "web.service")
        #expect(cluster.now.sortedStates(of: name).map(\.hash) == [try UnitFile(parsing: Fixtures.otherText).hash])
    }
}
