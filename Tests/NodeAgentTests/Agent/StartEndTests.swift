// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Systemd
import Testing

@testable import Agent
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

    @Test(
        "a socket, timer or path that systemd does not start again after the stop of its restart is told of, and tried again",
        arguments: [
            (
                "web.socket", "[Socket]\nListenStream=7\n", true,
                "web.service runs already, and systemd starts a socket before its service only; stop the service"
            ),
            (
                "web.timer", "[Timer]\nOnBootSec=1\n", false,
                "systemd cannot load web.service, which it is to start"
            ),
            (
                "web.path", "[Path]\nPathExists=/x\n", false,
                "systemd cannot load web.service, which it is to start"
            ),
        ])
    func refusedRestart(name: String, text: String, serviceRuns: Bool, words: String) async throws {
        let rig = try await AgentRig()
        let (unit, file) = (UnitName(unchecked: name), try UnitFile(parsing: text))
        try await rig.store(file)
        if serviceRuns { await rig.units.setUp("web.service") }
        try await rig.run { _ in
            try await rig.order(unit, file)
            try await rig.runs(unit, file)
            let report = StartReport(triggers: ["web.service"], result: "success")
            await rig.units.setResults(name, [.failed, .failed], report)
            try await rig.order(unit, file, restarts: 1)
            try await until("the reason") {
                let state = try await rig.state(unit)
                return state?.health == "not started: \(words)" && state?.acted == .loaded && state?.restarts == 1
            }
            try await rig.runs(unit, file)
            #expect(try await rig.state(unit)?.health == nil)
            let starts = await rig.units.touching
            #expect(starts == ["start \(name)", "restart \(name)", "start \(name)", "start \(name)"])
        }
    }

    @Test("a socket that systemd begins to start again, and that fails, has failed")
    func failedRestart() async throws {
        let rig = try await AgentRig()
        let (unit, file) = (
            UnitName(unchecked: "web.socket"), try UnitFile(parsing: "[Socket]\nListenStream=7\n")
        )
        try await rig.store(file)
        try await rig.run { _ in
            try await rig.order(unit, file)
            try await rig.runs(unit, file)
            let report = StartReport(triggers: ["web.service"], result: "resources")
            await rig.units.setResults("web.socket", [.failed], report)
            try await rig.order(unit, file, restarts: 1)
            try await until("systemd's word") {
                try await rig.state(unit)?.health?.hasSuffix("failed: resources") == true
            }
            #expect(try await rig.state(unit)?.acted == .launched)
        }
    }

    @Test("a restart whose stop takes its time is told to wait for that, and not for other units")
    func slowRestart() async throws {
        let rig = try await AgentRig()
        try await rig.store(file)
        await rig.units.setStubborn("web.service")
        try await rig.run { _ in
            try await rig.order(web, file)
            try await rig.runs(web, file)
            try await rig.order(web, file, restarts: 1)
            try await until("what it waits for") {
                let state = try await rig.state(web)
                return state?.active == "deactivating"
                    && state?.health == "\(UnitState.queuedWord): its former run is still being stopped"
            }
            try await rig.units.killUnit("web.service", who: .all, signal: 9)
            try await until("the restart's end") { try await rig.state(web)?.restarts == 1 }
        }
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
