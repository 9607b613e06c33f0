// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("what start does to units that the cluster has already")
struct StartTests {
    @Test(
        "a global unit that is down everywhere is started again, and of one that runs on some machines the truth is said",
        arguments: [
            (["inactive", "failed"], ["restart log.service"], nil), (["active", "active"], [], nil),
            ([], [], nil),
            (
                ["active", "failed"], [],
                "cannot start log.service: it is down on 1 of 2 machines and runs on others, which would be restarted, "
                    + "too; 'cluster-manager restart log.service' does that"
            ),
        ] as [([String], [String], String?)])
    func globalStart(actives: [String], requests: [String], complaint: String?) async throws {
        let machines = Fixtures.machines(2)
        let log = try Fixtures.unit("log.service", text: Fixtures.globalText)
        // What a machine that is gone said last does not count.
        var states = [Fixtures.state(log, on: Fixtures.id("99"), "failed", "failed")]
        states += zip(actives, machines).map { Fixtures.state(log, on: $1.id, $0, "x") }
        let fleet = FakeFleet(units: [log], states: states, machines: machines, runsUnits: false)
        let session = await Session.run("start log", on: fleet)
        #expect(await fleet.requests == requests)
        #expect(session.errors == (complaint.map { "cluster-manager: \($0)\n" } ?? ""))
        #expect(session.output == (complaint == nil ? "Triggered global unit log.service start\n" : ""))
        let status: ClusterManager.ExitStatus = complaint == nil ? .success : .failure
        #expect(session.status == status)
    }

    @Test(
        "a global unit that a condition keeps down on some machines is up; where none runs it is tried again",
        arguments: [
            (["active", "ConditionPathExists=/x is not met"], [], true),
            (["active", "one of ConditionPathExists=/x, ConditionPathExists=/y is not met"], [], true),
            (["active", "ExecCondition= is not met"], [], true),
            (
                ["ConditionPathExists=/x is not met", "ConditionPathExists=/x is not met"], ["restart log.service"],
                true
            ),
            (["ConditionPathExists=/x is not met", "failed"], ["restart log.service"], true),
            (["active", "AssertPathExists=/x is not met"], [], false),
        ] as [([String], [String], Bool)])
    func globalStartConditions(reports: [String], requests: [String], isDone: Bool) async throws {
        let machines = Fixtures.machines(2)
        let log = try Fixtures.unit("log.service", text: Fixtures.globalText)
        let states = zip(reports, machines).map { report, machine in
            let isKept = report.hasSuffix(" is not met")
            var state = Fixtures.state(log, on: machine.id, isKept ? "inactive" : report, "x")
            if isKept { state.health = "not started, since \(report)" }
            return state
        }
        let fleet = FakeFleet(units: [log], states: states, machines: machines, runsUnits: false)
        let session = await Session.run("start log", on: fleet)
        #expect(await fleet.requests == requests)
        let status: ClusterManager.ExitStatus = isDone ? .success : .failure
        #expect(session.status == status, "\(session.errors)")
        #expect(session.errors.isEmpty == isDone)
    }

    @Test(
        "a replacement without a file says what it needs",
        arguments: [
            ("none@1", "unit none@1.service keeps its file", true), ("none", "unit none.service keeps its file", false),
            ("none none@1", "units none.service, none@1.service keep their files", true),
            // The template in the cluster is what it takes.
            ("made@1", nil, false),
        ] as [(String, String?, Bool)])
    func replaceWithoutFile(names: String, subject: String?, hasInstance: Bool) async throws {
        let units = try ["none.service", "none@1.service", "made@.service", "made@1.service"].map {
            try Fixtures.unit($0, .inactive)
        }
        for verb in ["submit", "load", "start"] {
            let fleet = FakeFleet(units: units)
            let session = await Session.run("\(verb) --replace \(names)", on: fleet)
            #expect(session.status == .success)
            let template = hasInstance ? ", or of an instance its template in the cluster" : ""
            let line = subject.map {
                "cluster-manager: \($0): --replace needs the path of a unit file here\(template)\n"
            }
            #expect(session.errors == (line ?? ""))
            #expect(await fleet.requests.allSatisfy { !$0.hasPrefix("replace") })
            #expect(await Session.run("\(verb) \(names)", on: FakeFleet(units: units)).errors.isEmpty)
        }
    }
}
