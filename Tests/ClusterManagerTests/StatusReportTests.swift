// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("status report")
struct StatusReportTests {
    /// The cluster of the INAETICS guide after worker-2 was halted.
    private func guideCluster() throws -> FleetView {
        let addresses = ["04be238e": 101, "5ed2251e": 105, "a5097953": 104, "be956748": 103]
        let machines = addresses.map { FleetMachine(id: Fixtures.id($0.key), address: "172.17.8.\($0.value)") }
        let placed = [
            ("celix@1.service", "be956748"), ("celix@2.service", "04be238e"), ("felix@1.service", "5ed2251e"),
            ("felix@2.service", "a5097953"), ("provisioning.service", "04be238e"),
        ]
        let running = try placed.map { try Fixtures.unit($0.0, machine: Fixtures.id($0.1)) }
        let resting = try ["celix@.service", "celix@3.service", "felix@.service", "felix@3.service"].map {
            try Fixtures.unit($0, .inactive)
        }
        return FleetView(
            units: running + resting, states: running.map { Fixtures.state($0, on: $0.machine ?? "") },
            machines: machines)
    }

    @Test("the guide's cluster is shown as the guide shows it")
    func guide() throws {
        let files = try Fixtures.files()
        let celix = try #require(files.agents[.celix]).hash.prefix(7)
        let felix = try #require(files.agents[.felix]).hash.prefix(7)
        let provisioning = files.provisioning.hash.prefix(7)
        let expected = """
            Available machines:
            MACHINE      IP            METADATA
            04be238e...  172.17.8.101  -
            5ed2251e...  172.17.8.105  -
            a5097953...  172.17.8.104  -
            be956748...  172.17.8.103  -

            Submitted unit files:
            UNIT                  HASH     DSTATE    STATE     TARGET
            celix@.service        \(celix)  inactive  inactive  -
            celix@1.service       \(celix)  launched  launched  be956748.../172.17.8.103
            celix@2.service       \(celix)  launched  launched  04be238e.../172.17.8.101
            celix@3.service       \(celix)  inactive  inactive  -
            felix@.service        \(felix)  inactive  inactive  -
            felix@1.service       \(felix)  launched  launched  5ed2251e.../172.17.8.105
            felix@2.service       \(felix)  launched  launched  a5097953.../172.17.8.104
            felix@3.service       \(felix)  inactive  inactive  -
            provisioning.service  \(provisioning)  launched  launched  04be238e.../172.17.8.101

            Deployed units:
            UNIT                  MACHINE                   ACTIVE  SUB
            celix@1.service       be956748.../172.17.8.103  active  running
            celix@2.service       04be238e.../172.17.8.101  active  running
            felix@1.service       5ed2251e.../172.17.8.105  active  running
            felix@2.service       a5097953.../172.17.8.104  active  running
            provisioning.service  04be238e.../172.17.8.101  active  running


            """
        #expect(try StatusReport(guideCluster()).text(hasColours: false) == expected)
    }

    @Test("an empty cluster shows three legends")
    func empty() throws {
        let expected = """
            Available machines:
            MACHINE  IP  METADATA

            Submitted unit files:
            UNIT  HASH  DSTATE  STATE  TARGET

            Deployed units:
            UNIT  MACHINE  ACTIVE  SUB


            """
        #expect(try StatusReport(FleetView()).text(hasColours: false) == expected)
    }

    @Test("a unit that waits for a machine is shown with the reason")
    func waiting() throws {
        let waits = try Fixtures.unit("felix@5.service", reason: "4 machines: all conflict")
        let global = try Fixtures.unit("log.service", text: Fixtures.globalText)
        let text = try StatusReport(FleetView(units: [waits, global])).text(hasColours: false)
        #expect(
            text.hasSuffix(
                """
                Units waiting for a machine:
                UNIT             REASON
                felix@5.service  4 machines: all conflict


                """))
        #expect(text.contains("log.service      \(global.hash.prefix(7))  launched  -         global\n"))
    }

    @Test("rows of --status come from the API in whatever order and are sorted")
    func throughProgram() async throws {
        let view = try guideCluster()
        let fleet = FakeFleet(
            units: view.sortedUnits.reversed(), states: view.sortedStates.reversed(), machines: view.sortedMachines)
        let session = await Session.run("--status", on: fleet)
        #expect(session.output == (try StatusReport(view).text(hasColours: false)))
        #expect(session.status == .success)
    }
}
