// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// What the INAETICS guide has its readers type, and what it shows them.
    @Suite("the demonstrator's guide") struct DemonstratorSessionTests {
        @Test("the guide's whole session prints what the guide shows")
        func session() async throws {
            let cluster = try Cluster.shared
            try await cluster.untilSwept()
            let start = try await cluster.manager("--start")
            #expect(start.status == 0)
            #expect(start.error.isEmpty)
            #expect(
                start.output == """
                    Inaetics Environment starting with 2 Celix agents and 2 Felix agents
                    Triggered unit provisioning.service start
                    Triggered unit felix@1.service start
                    Triggered unit felix@2.service start
                    Triggered unit celix@1.service start
                    Triggered unit celix@2.service start

                    """)
            let units = try await cluster.running(Cluster.demonstrator())
            try await expectStatus(cluster, celix: 2, felix: 2)

            let revision = try await cluster.storeRevision()
            #expect(
                try await cluster.manage("--start")
                    == ["Inaetics Environment starting with 2 Celix agents and 2 Felix agents"])
            #expect(try await cluster.storeRevision() == revision)

            let asked = monotonicNow()
            #expect(
                try await cluster.manage("--start", "--celixAgents=3", "--felixAgents=3") == [
                    "Inaetics Environment starting with 3 Celix agents and 3 Felix agents",
                    "Triggered unit felix@3.service start", "Triggered unit celix@3.service start",
                ])
            let scaled = try await cluster.running(Cluster.demonstrator(celix: 3, felix: 3))
            report("scale-out, command to last unit active", scaled.values.map(\.activeSince).max()! - asked)
            try await expectStatus(cluster, celix: 3, felix: 3)
            try await cluster.expectUntouched(units)

            #expect(
                try await cluster.manage("--start", "--celixAgents=2", "--felixAgents=2") == [
                    "Inaetics Environment starting with 2 Celix agents and 2 Felix agents",
                    "Triggered unit felix@3.service stop", "Triggered unit felix@3.service unload",
                    "Triggered unit celix@3.service stop", "Triggered unit celix@3.service unload",
                ])
            try await until("the third agents are gone") { try await cluster.processes().count == units.count }
            try await expectStatus(cluster, celix: 2, felix: 2, unloaded: ["celix@3.service", "felix@3.service"])
            try await cluster.expectUntouched(units)

            #expect(try await cluster.manager("--stop").status == 0)
            #expect(try await cluster.processes().isEmpty)
            #expect(
                shape(of: try await cluster.manager("--status").output) == """
                    Available machines:
                    MACHINE IP METADATA
                    \(String(repeating: "M A -\n", count: Cluster.size))
                    Submitted unit files:
                    UNIT HASH DSTATE STATE TARGET

                    Deployed units:
                    UNIT MACHINE ACTIVE SUB


                    """)
            let again = try await cluster.manager("--stop")
            #expect(again.status == 0)
            let words = "no unit of the demonstrator is in the cluster, so there is nothing to stop"
            #expect(again.output.isEmpty && again.error.contains(words), "\(again)")
        }

        @Test("agents beyond what the machines can take wait with a reason, and run when a machine joins")
        func waiting() async throws {
            let cluster = try Cluster.shared
            let start = try await cluster.manager("--start", "--felixAgents=6")
            #expect(start.status == 0)
            #expect(start.error.contains("2 of 6 felix agents will wait for a machine"), "\(start.error)")
            let units = try await cluster.running(Cluster.demonstrator(celix: 2, felix: 4))
            var waiting = try await section("Units waiting for a machine", cluster)
            #expect(waiting.count == 3)
            for (number, line) in zip([5, 6], waiting.dropFirst()) {
                #expect(
                    line.hasPrefix("felix@\(number).service  0 of 5 machines can take it: Conflicts refuses 5"),
                    "\(line)")
            }
            let row = try await section("Submitted unit files", cluster).first { $0.hasPrefix("felix@5.service") }
            #expect(row?.split(separator: " ").suffix(3) == ["launched", "inactive", "-"])

            try await cluster.control("add")
            let newest = try await cluster.machines().last?.name ?? ""
            try await cluster.running(["felix@5.service"], on: [newest])
            try await cluster.expectUntouched(units)
            waiting = try await section("Units waiting for a machine", cluster)
            #expect(waiting.count == 2)
            #expect(waiting.last?.hasPrefix("felix@6.service  0 of 6 machines can take it") == true, "\(waiting)")
        }

        /// Checks `--status` while that many agents run.
        private func expectStatus(
            _ cluster: Cluster, celix: Int, felix: Int, unloaded: [String] = [],
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let names = Cluster.demonstrator(celix: celix, felix: felix)
            let files = (names + unloaded + ["celix@.service", "felix@.service"]).sorted()
            var expected = "Available machines:\nMACHINE IP METADATA\n"
            expected += String(repeating: "M A -\n", count: Cluster.size) + "\nSubmitted unit files:\n"
            expected += "UNIT HASH DSTATE STATE TARGET\n"
            for name in files {
                expected += "\(name) H \(names.contains(name) ? "launched launched M/A" : "inactive inactive -")\n"
            }
            expected += "\nDeployed units:\nUNIT MACHINE ACTIVE SUB\n"
            for name in names { expected += "\(name) M/A active running\n" }
            expected += "\n"
            // A machine reports what it did a moment after it did it.
            var shown = ""
            try? await until("--status shows it", within: .seconds(30)) {
                shown = try await cluster.manager("--status").output
                return shape(of: shown) == expected
            }
            #expect(shape(of: shown) == expected, sourceLocation: sourceLocation)

            let hashes = shown.split(separator: "\n").map { $0.split(separator: " ") }
                .filter { $0.count == 5 && $0[1].count == 7 }
            #expect(Set(hashes.filter { String($0[0]).hasPrefix("celix@") }.map { $0[1] }).count == 1)
            #expect(Set(hashes.filter { String($0[0]).hasPrefix("felix@") }.map { $0[1] }).count == 1)
            #expect(Set(hashes.map { $0[1] }).count == 3)
        }

        private func section(_ title: String, _ cluster: Cluster) async throws -> [String] {
            let lines = try await cluster.manager("--status").output
                .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            return Array(lines.drop { $0 != "\(title):" }.dropFirst().prefix { !$0.isEmpty })
        }

        /// A report without what differs from cluster to cluster: ids, addresses, hashes and widths of columns.
        private func shape(of text: String) -> String {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.split(separator: " ").map { word in
                    let hex = word.prefix { $0.isHexDigit }
                    if hex.count == 7, hex == word { return "H" }
                    if hex.count == 8, word.dropFirst(8).hasPrefix("...") {
                        return word.dropFirst(11).isEmpty ? "M" : "M/A"
                    }
                    return word.hasPrefix("172.17.8.") ? "A" : String(word)
                }.joined(separator: " ")
            }.joined(separator: "\n")
        }
    }
}
