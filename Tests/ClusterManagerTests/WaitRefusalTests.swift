// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import Testing

@testable import ClusterManager

@Suite("what a wait makes of an order that its machine refuses or cannot know yet")
struct WaitRefusalTests {
    private typealias Case = WaitSituation

    private static let pending = WaitVerdict.pending(reason: nil)
    private static let clause = "systemd: RestartUnit web.service: Unit absent.service not found"
    private static let absent = clause + "."

    /// Orders that a machine refuses while the unit goes on as before.
    private static let refused: [WaitSituation] = [
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 2000,
            health: absent, restarts: (2, 1),
            expected: .failed(
                "unit web.service was not restarted on 10000000.../172.17.8.101: \(clause); the machine tries again")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running", before: 2000,
            health: absent, hasFormerFile: true,
            expected: .failed(
                "unit web.service was not restarted on 10000000.../172.17.8.101: \(clause); the machine tries again")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead", before: 2000,
            health: "the disk is full", hasFormerFile: true,
            expected: .failed(
                "unit web.service is not up on 10000000.../172.17.8.101: the disk is full; the machine tries again")),
        Case(
            kind: .loaded, desired: .loaded, current: .loaded, report: "active/running", before: 2000,
            health: "the disk is full", hasFormerFile: true,
            expected: .failed(
                "unit web.service has not got its new file on 10000000.../172.17.8.101: the disk is full;"
                    + " the machine tries again")),
        // What was said before the order is no answer to it, until the machine has had its time.
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 2000,
            health: absent, formerHealth: absent, restarts: (2, 1), expected: pending),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 2000,
            attention: .seconds(2), health: absent, formerHealth: absent, restarts: (2, 1),
            expected: .pending(
                reason: "10000000.../172.17.8.101 has said nothing new of it yet, and before: \(absent)")),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 2000,
            attention: WaitGoal.staleness, health: absent, formerHealth: absent, restarts: (2, 1),
            expected: .failed(
                "unit web.service was not restarted on 10000000.../172.17.8.101: \(clause); the machine tries again")),
        // A new time of the unit makes no news of old words.
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 1000,
            health: absent, formerHealth: absent, restarts: (2, 1), expected: pending),
        // systemd works at it.
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "deactivating/stop-sigterm",
            before: 1000, attention: .seconds(90), health: absent, formerHealth: absent, restarts: (2, 1),
            expected: .pending(
                reason: "systemd on 10000000.../172.17.8.101 says deactivating (stop-sigterm): \(absent)")),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 2000,
            health: "queued: others first", restarts: (2, 1),
            expected: .pending(reason: "on 10000000.../172.17.8.101, queued: others first")),
        // How the former run ended is told late, and is about that run.
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "failed/failed", before: 2000,
            health: "start failed: exit-code, status 1", restarts: (2, 1), expected: pending),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "failed/failed", before: 2000,
            health: "failed on machine bbbbbbbb; restart it to run it again", restarts: (2, 1), expected: pending),
        // A stop needs no new file.
        Case(
            kind: .stopped, desired: .loaded, current: .loaded, report: "inactive/dead", health: "the disk is full",
            hasFormerFile: true,
            expected: .reached("Unit web.service does not run on 10000000.../172.17.8.101")),
        Case(
            kind: .stopped, desired: .loaded, current: .launched, report: "active/running", health: "refused",
            hasFormerFile: true, expected: .pending(reason: "still on 10000000.../172.17.8.101: refused")),
    ]

    private static let unloadable =
        "systemd on 10000000.../172.17.8.101 cannot load unit web.service (bad-setting);"
        + " see 'cluster-manager status web.service'"

    private static let lost = "its file is gone from 10000000.../172.17.8.101, which puts it back"

    /// Units that systemd cannot load.
    private static let loads: [WaitSituation] = [
        // A stop is done all the same.
        Case(
            kind: .stopped, desired: .loaded, current: .loaded, report: "inactive/dead/masked",
            expected: .reached(
                "Unit web.service does not run on 10000000.../172.17.8.101, where systemd cannot load it (masked)")),
        Case(
            kind: .stopped, desired: .loaded, current: .loaded, report: "failed/failed/not-found",
            expected: .reached(
                "Unit web.service does not run on 10000000.../172.17.8.101, where systemd cannot load it (not-found)")),
        Case(
            kind: .stopped, desired: .loaded, current: .launched, report: "active/running/masked", expected: pending),
        // What systemd made of the file before is told until it has read the new one.
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running/bad-setting", before: 2000,
            formerLoad: "bad-setting", bringsFile: true, expected: pending),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running/bad-setting", before: 2000,
            formerLoad: "bad-setting", attention: WaitGoal.staleness, bringsFile: true, expected: .failed(unloadable)),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running/masked", before: 2000,
            formerLoad: "masked", health: "it is masked", restarts: (2, 1),
            expected: .failed(
                "unit web.service was not restarted on 10000000.../172.17.8.101: it is masked; the machine tries again")
        ),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running/bad-setting", before: 2000,
            bringsFile: true, expected: .failed(unloadable)),
        // What is up goes on without its file, which its machine puts back.
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running/not-found",
            expected: .reached("Unit web.service launched on 10000000.../172.17.8.101")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running/masked",
            expected: .reached("Unit web.service launched on 10000000.../172.17.8.101")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "activating/start/not-found",
            attention: WaitGoal.staleness, expected: .pending(reason: lost)),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running/not-found", before: 2000,
            expected: pending),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "deactivating/stop/not-found",
            before: 2000, expected: .pending(reason: lost)),
        Case(
            kind: .loaded, desired: .launched, current: .launched, report: "active/running/not-found",
            expected: .pending(reason: lost)),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running", before: 2000,
            formerLoad: "bad-setting",
            expected: .reached("Unit web.service launched on 10000000.../172.17.8.101")),
        Case(
            kind: .loaded, desired: .loaded, current: .loaded, report: "inactive/dead/bad-setting", before: 2000,
            formerLoad: "bad-setting", expected: pending),
        Case(
            kind: .loaded, desired: .loaded, current: .loaded, report: "inactive/dead/bad-setting",
            expected: .failed(unloadable)),
    ]

    @Test(
        "a start of a unit that its machine refused has it tried anew",
        arguments: [
            ("", "the disk is full", false, true), ("active", "the disk is full", true, true),
            // A machine that has said nothing yet is about to start it.
            ("", nil, false, false), ("active", nil, true, false),
            ("active", "failed: exit-code, status 1", true, false), ("active", "not all is well", false, false),
        ] as [(String, String?, Bool, Bool)])
    func startAgain(active: String, health: String?, hasFormerFile: Bool, isOrdered: Bool) async throws {
        let machine = Fixtures.machines(1)[0].id
        let unit = try Fixtures.unit("web.service", machine: machine)
        var state = Fixtures.state(unit, on: machine, active, "")
        state.health = health
        if hasFormerFile { state.hash = String(repeating: "0", count: 40) }
        let fleet = FakeFleet(units: [unit], states: [state])
        let session = await Session.run("start web --no-block", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.requests == (isOrdered ? ["restart web.service"] : []))
        guard isOrdered else { return }
        let again = FakeFleet(units: [unit], states: [state])
        let waited = await Session.run("start web", on: again)
        #expect(waited.output == "Unit web.service launched on 10000000.../172.17.8.101\n", "\(waited.errors)")
    }

    @Test("a stopped unit that runs all the same is told with what starts it, which nobody follows")
    func starter() async throws {
        let machine = Fixtures.machines(1)[0].id
        let unit = try Fixtures.unit("web.service", .loaded, machine: machine)
        let timer = try Fixtures.unit("web.timer", machine: machine, text: "[Timer]\nOnCalendar=daily\n")
        let fleet = FakeFleet(units: [unit, timer], states: [Fixtures.state(unit, on: machine)], runsUnits: false)
        let session = await Session.run("stop web", on: fleet)
        #expect(session.status == .failure)
        #expect(
            session.errors
                == "cluster-manager: unit web.service is loaded only and runs on 10000000.../172.17.8.101 all the same:"
                + " there web.timer starts it; stop that one, or 'cluster-manager unload web.service'\n")
    }

    @Test(
        "a failure of a start and one of a run have one wording",
        arguments: [
            ("start failed: exit-code, status 1", "failed: exit-code, status 1", "exit-code, status 1"),
            ("failed: exit-code, status 1", "failed: exit-code, status 1", "exit-code, status 1"),
            ("start failed; see its journal", "failed: see its journal", "see its journal"),
            ("not started: no such unit", "not started: no such unit", "not started: no such unit"),
        ])
    func wording(health: String, worded: String, cause: String) {
        let state = API.UnitState(
            name: "n", hash: "h", machineID: "m", systemdLoadState: "l", systemdActiveState: "a", systemdSubState: "s",
            since: 1, health: health, acted: "loaded", restarts: 1, automaticRestarts: 1)
        #expect(FleetUnitState(state).health == worded)
        #expect(FleetUnitState.cause(health) == cause)
    }

    @Test("an order that is refused", arguments: refused + loads)
    func refusals(situation: WaitSituation) throws {
        #expect(try situation.verdict() == situation.expected)
    }
}
