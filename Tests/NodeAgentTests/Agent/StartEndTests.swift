// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Systemd
import Testing

@testable import NodeAgent

/// What the store is told of a start that is over.
@Suite("the end of a start", .timeLimit(.minutes(1)))
struct StartEndTests {
    private let web = UnitName(unchecked: "web.service")
    private let file: UnitFile

    init() throws { file = try .service("1") }

    private func expect(
        _ words: String, _ acted: TargetState, after result: JobResult, _ report: StartReport
    ) async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        await rig.units.setResults("web.service", Array(repeating: result, count: 100), report)
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("systemd's word: \(words)") { try await rig.state(web)?.health == words }
            #expect(try await rig.state(web)?.acted == acted)
        }
    }

    @Test(
        "the end of systemd's job is told of in its words",
        arguments: [
            (
                JobResult.done, StartReport(conditions: ["ConditionPathExists=/x"]), TargetState.launched,
                "not started, since ConditionPathExists=/x is not met"
            ),
            (
                .done, StartReport(conditions: ["ConditionPathExists=/x"], result: "success"), .launched,
                "not started, since ConditionPathExists=/x is not met"
            ),
            (
                .done, StartReport(result: "exec-condition"), .launched,
                "not started, since ExecCondition= is not met"
            ),
            (
                .assert, StartReport(asserts: ["AssertPathExists=/x"]), .loaded,
                "not started, since AssertPathExists=/x is not met"
            ),
            (
                .failed, StartReport(triggers: ["other.service"]), .loaded,
                "not started: systemd cannot load other.service, which it is to start"
            ),
        ])
    func jobEnds(result: JobResult, report: StartReport, acted: TargetState, words: String) async throws {
        try await expect(words, acted, after: result, report)
    }

    private static func failed(_ name: String, needing dependent: String = "web.service") -> DependencyFault {
        DependencyFault(
            name: name, dependent: dependent, active: "failed", result: "exit-code",
            exit: StartReport.Exit(isSignal: false, status: 203))
    }

    @Test(
        "a start that a dependency stood in the way of names it, and what is wrong with it",
        arguments: [
            ([], "a unit that it depends on failed or is not there (dependency)"),
            (
                [failed("db.service")],
                "a dependency failed: db.service failed (exit-code, status 203/EXEC (the program is not there or cannot be executed))"
            ),
            (
                [failed("disk.mount", needing: "db.service")],
                "a dependency failed: disk.mount failed (exit-code, status 203/EXEC (the program is not there or cannot be executed)), which db.service needs"
            ),
            (
                [DependencyFault(name: "dev-sdb.device", dependent: "web.service", active: "failed")],
                "a dependency failed: dev-sdb.device failed"
            ),
            (
                [
                    DependencyFault(
                        name: "db.service", dependent: "web.service", active: "failed", result: "signal",
                        exit: StartReport.Exit(isSignal: true, status: 9))
                ], "a dependency failed: db.service failed (signal, signal 9/KILL)"
            ),
            (
                [DependencyFault(name: "absent.service", dependent: "web.service", load: "not-found")],
                "a dependency failed: Requires=absent.service: no such unit"
            ),
            (
                [DependencyFault(name: "db.service", setting: "BindsTo", dependent: "web.service", load: "masked")],
                "a dependency failed: BindsTo=db.service: systemd cannot load it (masked)"
            ),
            (
                [
                    DependencyFault(
                        name: "db.service", setting: "Requisite", dependent: "web.service",
                        checks: (1...4).map { "AssertPathExists=/\($0)" })
                ],
                "a dependency failed: Requisite=db.service: it is inactive "
                    + "(it needs AssertPathExists=/1, AssertPathExists=/2, AssertPathExists=/3, and 1 more)"
            ),
            (
                (1...5).map { failed("db\($0).service") },
                "a dependency failed: db1.service failed (exit-code, status 203/EXEC (the program is not there or cannot be executed)); db2.service failed (exit-code, status 203/EXEC (the program is not there or cannot be executed)); "
                    + "db3.service failed (exit-code, status 203/EXEC (the program is not there or cannot be executed)); and 2 more"
            ),
        ])
    func dependencies(faults: [DependencyFault], words: String) async throws {
        try await expect("not started: \(words)", .loaded, after: .dependency, StartReport(dependencies: faults))
    }

    @Test(
        "a run that fails by itself, with or without an agent that looks, is told of with its reason; one that runs again is not"
    )
    func failsLater() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        let words = "failed: exit-code, status 217/USER (User= is unknown)"
        try await rig.run { _ in
            try await rig.order(web, file)
            try await until("it runs") { try await rig.state(web)?.active == "active" }
            #expect(try await rig.state(web)?.health == nil)
            let report = StartReport(result: "exit-code", exit: StartReport.Exit(isSignal: false, status: 217))
            await rig.units.setResults("web.service", [], report)
            await rig.units.crash("web.service")
            try await until("the reason") { try await rig.state(web)?.health == words }
            #expect(try await rig.state(web)?.active == "failed")
            await rig.units.wake("web.service")
            try await until("it runs again") { try await rig.state(web)?.active == "active" }
            #expect(try await rig.state(web)?.health == nil)
        }
        await rig.units.crash("web.service")
        try await rig.run { _ in
            try await until("the reason, though it failed before this tenure") {
                try await rig.state(web)?.health == words
            }
        }
    }
}
