// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("units") struct UnitTests {
    /// The values of `option` in `section` of a unit file, in order.
    private func values(_ option: String, in section: String, of text: String) -> [String] {
        var current = ""
        var found: [String] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("[") { current = String(line.dropFirst().dropLast()) }
            if current == section, line.hasPrefix("\(option)=") {
                found.append(String(line.dropFirst(option.count + 1)))
            }
        }
        return found
    }

    @Test(
        "the INAETICS units keep the seed's names, arguments and conflicts",
        arguments: [
            ("celix@.service", "Celix Node Agent", "celix", ["celix@*.service"]),
            ("felix@.service", "Felix Node Agent", "felix", ["felix@*.service", "provisioning.service"]),
            ("provisioning.service", "Provisioning Server", "provisioning", ["felix@*.service"]),
        ])
    func seed(file: String, description: String, kind: String, conflicts: [String]) throws {
        let text = try contents("units/\(file)")
        #expect(values("Description", in: "Unit", of: text) == [description])
        let instance = kind == "provisioning" ? "" : " --instanceId=%i"
        #expect(
            values("ExecStart", in: "Service", of: text) == [
                "/opt/flotilla/bin/inaetics-agent \(kind) --hostname=%H --machineId=%m\(instance)"
            ])
        #expect(values("Restart", in: "Service", of: text) == ["always"])
        #expect(values("RestartSec", in: "Service", of: text) == ["10"])
        #expect(values("Conflicts", in: "X-Fleet", of: text) == conflicts)
    }

    @Test("the agent's unit keeps its session and its unit files across a restart of the agent")
    func agent() throws {
        let text = try contents("units/node-agent.service")
        #expect(values("Type", in: "Service", of: text) == ["notify"])
        #expect(values("RuntimeDirectory", in: "Service", of: text) == ["flotilla"])
        #expect(values("RuntimeDirectoryPreserve", in: "Service", of: text) == ["yes"])
        #expect(values("WatchdogSec", in: "Service", of: text).count == 1)
    }

    @Test(
        "the launcher hands kind, instance, port and machine on to the program",
        arguments: [
            (
                ["celix", "--hostname=w", "--machineId=m", "--instanceId=2"],
                "serve --kind celix --instance 2 --port 9999 --hostname w --machine-id m"
            ),
            (
                ["felix", "--instanceId=1", "--machineId=m", "--hostname=w"],
                "serve --kind felix --instance 1 --port 8080 --hostname w --machine-id m"
            ),
            (
                ["provisioning", "--hostname=w", "--machineId=m"],
                "serve --kind provisioning --port 8080 --hostname w --machine-id m"
            ),
        ])
    func launcher(arguments: [String], words: String) async throws {
        let outcome = try await Shell.run(
            ["units/bin/inaetics-agent"] + arguments, environment: ["FLOTILLA_DEMONSTRATOR": "/bin/echo"])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.lines == [words])
    }

    @Test(
        "the launcher refuses what it does not know",
        arguments: [[], ["mongo"], ["celix", "--hostname=w", "--machineId=m"], ["felix", "--frobnicate"]])
    func launcherRefuses(arguments: [String]) async throws {
        let outcome = try await Shell.run(
            ["units/bin/inaetics-agent"] + arguments, environment: ["FLOTILLA_DEMONSTRATOR": "/bin/echo"])
        #expect(outcome.status == 2)
        #expect(outcome.error.hasPrefix("inaetics-agent: "))
    }
}
