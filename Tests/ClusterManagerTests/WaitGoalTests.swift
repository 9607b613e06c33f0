// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import Testing

@testable import ClusterManager

@Suite("what a wait is for")
struct WaitGoalTests {
    private static let name = UnitName(unchecked: "web.service")
    private static let machine = Fixtures.machines(1)[0]

    private typealias Case = WaitSituation

    private static let launched = "Unit web.service launched on 10000000.../172.17.8.101"
    private static let loaded = "Unit web.service loaded on 10000000.../172.17.8.101"
    private static let failed =
        "unit web.service failed on 10000000.../172.17.8.101; see 'cluster-manager status web.service'"
    private static let pending = WaitVerdict.pending(reason: nil)

    private static let running: [WaitSituation] = [
        Case(kind: .running, desired: .launched, placed: false, expected: .pending(reason: "no machine")),
        Case(kind: .running, desired: .launched, expected: pending),
        Case(kind: .running, desired: .launched, current: .loaded, report: "inactive/dead", expected: pending),
        Case(kind: .running, desired: .launched, current: .launched, report: "activating/start", expected: pending),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "activating/auto-restart", expected: pending
        ),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running",
            expected: .reached(launched)),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/exited",
            expected: .reached(launched)),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead",
            attention: WaitGoal.settling, expected: .reached(launched + ", and has finished")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead",
            text: "[Service]\nType=oneshot\nExecStart=/bin/true\n",
            expected: .reached(launched + ", and has finished")),
        // Stopped for an instant by the restart of what it is bound to.
        Case(kind: .running, desired: .launched, current: .launched, report: "inactive/dead", expected: pending),
        // A start job that systemd has not begun looks like a unit that never ran.
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead", since: 0, expected: pending
        ),
        // The end of the run before this command.
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead", before: 2000,
            expected: pending),
        // systemd's reason follows the failure, and is waited for a moment.
        Case(kind: .running, desired: .launched, current: .launched, report: "failed/failed", expected: pending),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "failed/failed",
            attention: WaitGoal.reasoning,
            expected: .failed(failed)),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "failed/failed", health: "status 203",
            expected: .failed(
                "unit web.service failed on 10000000.../172.17.8.101: status 203; see 'cluster-manager status web.service'"
            )),
        Case(
            kind: .running, desired: .launched, current: .loaded, report: "inactive/dead", health: "no such unit",
            expected: .failed(
                "unit web.service is not up on 10000000.../172.17.8.101: no such unit; the machine tries again")),
        Case(
            kind: .running, desired: .launched, current: .inactive, report: "inactive/dead",
            health: "a unit of its own",
            expected: .failed(
                "unit web.service is not up on 10000000.../172.17.8.101: a unit of its own; the machine tries again")),
        Case(
            kind: .running, desired: .launched, current: .loaded, report: "inactive/dead",
            health: "queued: others first",
            expected: .pending(reason: "on 10000000.../172.17.8.101, queued: others first")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead", since: 0,
            health: "not started", expected: .reached(launched + ", but not started")),
        // What the machine says before it has acted on the last request is about the one before.
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead", restarts: (2, 1),
            expected: pending),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "active/running", restarts: (2, 2),
            expected: .reached(launched)),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "failed/failed", before: 2000,
            expected: pending),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "failed/failed", before: 2000,
            attention: .seconds(6), expected: .failed(failed)),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "inactive/dead/not-found",
            expected: .failed(
                "systemd on 10000000.../172.17.8.101 cannot load unit web.service (not-found);"
                    + " see 'cluster-manager status web.service'")),
        Case(kind: .running, desired: .inactive, placed: false, expected: pending),
        Case(
            kind: .running, desired: .inactive, placed: false, attention: .seconds(6),
            expected: .failed("unit web.service was set to inactive while this command waited for it")),
        Case(kind: .running, desired: nil, expected: pending),
        Case(
            kind: .running, desired: nil, attention: .seconds(6),
            expected: .failed("unit web.service was destroyed while this command waited for it")),
    ]

    private static let others: [WaitSituation] = [
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 2000,
            expected: pending),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running", before: 1000,
            expected: .reached(launched)),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "failed/failed", before: 1000,
            attention: WaitGoal.reasoning, expected: .failed(failed)),
        Case(kind: .loaded, desired: .loaded, placed: false, expected: .pending(reason: "no machine")),
        Case(kind: .loaded, desired: .loaded, report: "inactive/dead", expected: pending),
        Case(
            kind: .loaded, desired: .loaded, current: .loaded, report: "inactive/dead", expected: .reached(loaded)),
        Case(
            kind: .loaded, desired: .launched, current: .launched, report: "active/running", expected: .reached(loaded)),
        Case(kind: .loaded, desired: .inactive, placed: false, expected: pending),
        Case(kind: .stopped, desired: .launched, current: .launched, report: "active/running", expected: pending),
        Case(kind: .stopped, desired: .loaded, current: .launched, report: "active/running", expected: pending),
        Case(kind: .stopped, desired: .loaded, current: .loaded, report: "deactivating/stop", expected: pending),
        Case(
            kind: .stopped, desired: .loaded, current: .loaded, report: "inactive/dead", expected: .reached(loaded)),
        // What runs all the same after a stop was started by another unit.
        Case(kind: .stopped, desired: .loaded, current: .loaded, report: "active/running", expected: pending),
        Case(
            kind: .stopped, desired: .loaded, current: .loaded, report: "active/running", attention: .seconds(1),
            expected: .failed(
                "unit web.service is loaded only and runs on 10000000.../172.17.8.101 all the same: something that is"
                    + " stopped by now, or somebody by hand, has started it; 'cluster-manager unload web.service' ends it"
            )),
        Case(
            kind: .stopped, desired: .loaded, placed: false,
            expected: .reached("Unit web.service runs nowhere, and is on no machine yet")),
        // No wait is longer than two seconds without a word of what it is for.
        Case(
            kind: .running, desired: .launched, current: .launched, report: "activating/start", attention: .seconds(2),
            expected: .pending(reason: "systemd on 10000000.../172.17.8.101 says activating (start)")),
        Case(
            kind: .running, desired: .launched, current: .launched, report: "activating/auto-restart",
            attention: .seconds(2), health: "failed: exit-code, status 203/EXEC",
            expected: .pending(
                reason: "systemd on 10000000.../172.17.8.101 says activating (auto-restart):"
                    + " failed: exit-code, status 203/EXEC")),
        Case(
            kind: .stopped, desired: .loaded, current: .launched, report: "deactivating/stop-sigterm",
            attention: .seconds(2),
            expected: .pending(reason: "systemd on 10000000.../172.17.8.101 says deactivating (stop-sigterm)")),
        Case(
            kind: .running, desired: .launched, attention: .seconds(2),
            expected: .pending(reason: "10000000.../172.17.8.101 has said nothing of it yet")),
        Case(
            kind: .running, desired: .launched, placed: false, reason: nil, attention: .seconds(2),
            expected: .pending(reason: "nobody has decided yet where it goes")),
        Case(
            kind: .restarted, desired: .launched, current: .launched, report: "active/running",
            attention: .seconds(2), restarts: (2, 1),
            expected: .pending(reason: "10000000.../172.17.8.101 has said nothing new of it yet")),
        Case(
            kind: .stopped, desired: .loaded, current: .launched, report: "active/running", health: "refused",
            expected: .pending(reason: "still on 10000000.../172.17.8.101: refused")),
        Case(
            kind: .gone, desired: nil, report: "active/running", health: "processes are left",
            expected: .pending(reason: "still on 10000000.../172.17.8.101: processes are left")),
        // Why it was not started says nothing of how it ends.
        Case(
            kind: .gone, desired: nil, report: "inactive/dead",
            health: "not started, since ConditionPathExists=/x is not met", expected: pending),
        Case(
            kind: .gone, desired: nil, report: "inactive/dead", attention: .seconds(2),
            health: "not started, since ConditionPathExists=/x is not met",
            expected: .pending(reason: "10000000.../172.17.8.101 has said nothing new of it yet")),
        Case(
            kind: .stopped, desired: .loaded, current: .launched, report: "active/running", attention: .seconds(2),
            health: "not started: systemd says invalid",
            expected: .pending(reason: "systemd on 10000000.../172.17.8.101 says active (running)")),
        Case(
            kind: .stopped, desired: .loaded, current: .loaded, report: "failed/failed", expected: .reached(loaded)),
        Case(kind: .unloaded, desired: .launched, current: .launched, report: "active/running", expected: pending),
        Case(kind: .unloaded, desired: .inactive, report: "deactivating/stop", expected: pending),
        Case(kind: .unloaded, desired: .inactive, placed: false, report: "inactive/dead", expected: pending),
        Case(
            kind: .unloaded, desired: .inactive, placed: false, expected: .reached("Unit web.service inactive")),
        Case(kind: .gone, desired: .launched, current: .launched, report: "active/running", expected: pending),
        Case(
            kind: .gone, desired: .launched, current: .launched, report: "active/running",
            attention: WaitGoal.staleness,
            expected: .failed("unit web.service was made anew while this command waited for its end")),
        Case(
            kind: .running, desired: .launched, current: .loaded, report: "failed/failed",
            health: "failed: timeout, signal 9/KILL", expected: pending),
        Case(
            kind: .stopped, desired: .loaded, current: .inactive, report: "inactive/dead", health: "another's file",
            expected: .reached("Unit web.service does not run on 10000000.../172.17.8.101")),
        Case(kind: .gone, desired: nil, report: "deactivating/stop", expected: pending),
        Case(kind: .gone, desired: nil, expected: .reached("Destroyed web.service")),
    ]

    @Test("a situation means", arguments: running + others)
    func verdicts(situation: WaitSituation) throws {
        #expect(try situation.verdict() == situation.expected)
    }

    @Test("what is left of a former run is told of while the unit is on no machine")
    func predecessor() throws {
        let unit = try Fixtures.unit("web.service", .launched)
        let view = FleetView(
            units: [unit], states: [Fixtures.state(unit, on: Self.machine.id)], machines: [Self.machine])
        let goal = WaitGoal(Self.name, .running)
        #expect(goal.verdict(in: view, attention: .zero) == Self.pending)
        #expect(
            goal.verdict(in: view, attention: WaitGoal.speechless)
                == .pending(reason: "its former run on 10000000.../172.17.8.101 ends first"))
    }

    @Test("the reason of a failure is waited for a moment, however long the wait has been")
    func reasonFollows() throws {
        let unit = try Fixtures.unit("web.service", .launched, machine: Self.machine.id)
        var view = FleetView(units: [unit], machines: [Self.machine])
        var state = Fixtures.state(unit, on: Self.machine.id, "failed", "failed")
        view.apply(.state(state))
        var told = WaitReport([WaitGoal(Self.name, .running)])
        var untold = told
        let late = Duration.seconds(90)
        #expect(told.update(view, changed: Self.name, attention: late).isEmpty)
        #expect(untold.update(view, changed: Self.name, attention: late).isEmpty)
        #expect(untold.update(view, attention: late + WaitGoal.reasoning).map(\.text) == [Self.failed])
        state.health = "start failed: timeout"
        view.apply(.state(state))
        let words = told.update(view, changed: Self.name, attention: late).map(\.text)
        #expect(words.count == 1 && words[0].contains("failed on 10000000.../172.17.8.101: timeout"))
    }

    @Test("a service that was down for an instant has not finished, however long the wait has been")
    func instant() throws {
        let unit = try Fixtures.unit("web.service", .launched, machine: Self.machine.id)
        var view = FleetView(units: [unit], machines: [Self.machine])
        view.apply(.state(Fixtures.state(unit, on: Self.machine.id, "inactive", "dead")))
        var runs = WaitReport([WaitGoal(Self.name, .running)])
        var ends = runs
        let late = Duration.seconds(90)
        #expect(runs.update(view, changed: Self.name, attention: late).isEmpty)
        #expect(ends.update(view, changed: Self.name, attention: late).isEmpty)
        #expect(
            ends.update(view, attention: late + WaitGoal.settling).map(\.text) == [
                Self.launched + ", and has finished"
            ])
        view.apply(.state(Fixtures.state(unit, on: Self.machine.id)))
        #expect(runs.update(view, changed: Self.name, attention: late).map(\.text) == [Self.launched])
    }

    @Test("a replaced unit counts only once its machine runs the new file")
    func replaced() throws {
        let old = try Fixtures.unit("web.service", machine: Self.machine.id)
        let new = try Fixtures.unit("web.service", machine: Self.machine.id, text: Fixtures.otherText)
        let goal = WaitGoal(Self.name, .running, hash: new.hash)
        var view = FleetView(units: [old], states: [Fixtures.state(old, on: Self.machine.id)], machines: [Self.machine])
        #expect(goal.verdict(in: view, attention: .zero) == Self.pending)
        view.apply(.unit(new))
        #expect(goal.verdict(in: view, attention: .zero) == Self.pending)
        view.apply(.state(Fixtures.state(new, on: Self.machine.id)))
        #expect(goal.verdict(in: view, attention: .zero) == .reached(Self.launched))
    }

    @Test("a reason is said once, and again when it is another")
    func reasons() throws {
        var report = WaitReport([WaitGoal(Self.name, .running)])
        func view(_ reason: String?) throws -> FleetView {
            FleetView(units: [try Fixtures.unit("web.service", reason: reason)])
        }
        func texts(_ reason: String?) throws -> [String] {
            report.update(try view(reason), attention: .zero).map(\.text)
        }
        #expect(try texts(nil) == [])
        #expect(try texts("A") == ["unit web.service waits for a machine: A"])
        #expect(try texts("A") == [])
        #expect(try texts(nil) == [])
        #expect(try texts("A") == [])
        #expect(try texts("B") == ["unit web.service waits for a machine: B"])
        #expect(
            report.givenUp(after: .milliseconds(2500))
                == "gave up waiting after 2.5 s: 1 of 1 units not there yet: web.service (B);"
                + " the cluster goes on working at it")
    }

    @Test(
        "durations in words",
        arguments: [
            (Duration.seconds(2), "2 s"), (.milliseconds(2500), "2.5 s"), (.milliseconds(12_900), "12 s"),
            (.milliseconds(40), "0 s"),
        ])
    func durations(duration: Duration, words: String) {
        #expect(duration.inWords == words)
    }

    @Test("who leaves a wait is told what goes on, and how it is undone")
    func farewell() {
        func goals(_ kind: WaitGoal.Kind, _ names: String...) -> [WaitGoal] {
            names.map { WaitGoal(UnitName(unchecked: $0), kind) }
        }
        #expect(UnitOperation.farewell([]) == nil)
        #expect(
            UnitOperation.farewell(goals(.running, "a.service"))
                == "the cluster goes on starting a.service; cluster-manager destroy a.service undoes it")
        #expect(
            UnitOperation.farewell(goals(.stopped, "a.service", "my\\x2db.service"))
                == "the cluster goes on stopping a.service, my\\x2db.service;"
                + " cluster-manager start a.service 'my\\x2db.service' undoes it")
        #expect(
            UnitOperation.farewell(goals(.gone, "a.service", "b.service", "c.service", "d.service"))
                == "the cluster goes on destroying a.service, b.service, c.service and 1 more")
        // What has been reached no longer goes on; it can be undone all the same.
        let two = goals(.running, "a.service", "b.service")
        #expect(
            UnitOperation.farewell(two, without: [two[0].unit])
                == "the cluster goes on starting b.service; cluster-manager destroy a.service b.service undoes it")
        #expect(UnitOperation.farewell(two, without: Set(two.map(\.unit))) == nil)
    }

    @Test(
        "an unload is undone by what brings the units back to what they were",
        arguments: [
            ([.launched, .launched], "; cluster-manager start a.service b.service undoes it"),
            ([.loaded, .loaded], "; cluster-manager load a.service b.service undoes it"),
            ([.launched, .loaded], "; cluster-manager start a.service and cluster-manager load b.service undo it"),
            ([], ""),
        ] as [([TargetState], String)])
    func unloading(former: [TargetState], remedy: String) throws {
        let names = ["a.service", "b.service"]
        let goals = names.map { WaitGoal(UnitName(unchecked: $0), .unloaded) }
        let before = FleetView(units: try zip(names, former).map { try Fixtures.unit($0, $1) })
        #expect(
            UnitOperation.farewell(goals, before: before)
                == "the cluster goes on unloading a.service, b.service\(remedy)")
    }

    @Test(
        "a start is undone by what each unit was before",
        arguments: [
            (.loaded, .running, "stop"), (.inactive, .running, "unload"), (nil, .running, "destroy"),
            (.launched, .running, nil), (.inactive, .loaded, "unload"), (nil, .loaded, "destroy"),
        ] as [(TargetState?, WaitGoal.Kind, String?)])
    func rising(former: TargetState?, kind: WaitGoal.Kind, verb: String?) throws {
        let before = FleetView(units: try former.map { [try Fixtures.unit("a.service", $0)] } ?? [])
        func words(_ hash: String?) -> String? {
            UnitOperation.farewell([WaitGoal(UnitName(unchecked: "a.service"), kind, hash: hash)], before: before)
        }
        let goesOn = "the cluster goes on \(kind == .loaded ? "loading" : "starting") a.service"
        #expect(words(nil) == goesOn + (verb.map { "; cluster-manager \($0) a.service undoes it" } ?? ""))
        #expect(words("another file") == goesOn)
    }

    @Test("units of one command that were different before are undone by different commands")
    func mixed() throws {
        let before = FleetView(
            units: [try Fixtures.unit("n3.service", .inactive), try Fixtures.unit("w@4.service", .launched)])
        func step(_ name: String, _ kind: WaitGoal.Kind?) -> UnitOperation.Step {
            UnitOperation.Step(UnitName(unchecked: name), line: "", goal: kind) { _ in }
        }
        let steps = [step("n2.service", .running), step("n3.service", .running), step("w@4.service", .unloaded)]
        let remedy =
            "; cluster-manager destroy n2.service and cluster-manager unload n3.service and cluster-manager start "
            + "w@4.service undo it"
        #expect(
            UnitOperation.farewell(steps.map { WaitGoal($0.unit, $0.goal ?? .gone) }, before: before)
                == "the cluster goes on starting n2.service, n3.service and unloading w@4.service" + remedy)
        #expect(
            UnitOperation.doubt(steps, before: before)
                == "whether n2.service, n3.service were started and w@4.service was unloaded is not known;"
                + " cluster-manager status n2.service n3.service w@4.service shows it" + remedy)
        // What asks for nothing is left alone; of a unit that is not waited for it is not known what it was.
        let silent = UnitOperation.Step(UnitName(unchecked: "n2.service"), line: "", goal: .running)
        #expect(UnitOperation.doubt([silent], before: before) == nil)
        #expect(UnitOperation.doubt(steps + [step("global.service", nil)], before: before) == nil)
    }

    @Test("what was known before etcd went is no outcome of a command that asks for nothing", arguments: [false, true])
    func oldAnswers(isOld: Bool) async throws {
        let captured = CapturedConsole()
        let ages = AnswerAges()
        if isOld {
            ages.note(
                TransportResponse(status: 200, headers: [(API.asOfHeader, "2026-01-01T00:00:00Z"), ("Age", "9")]))
        }
        let context = CommandContext(
            fleet: FakeFleet(units: [try Fixtures.unit("web.service")]), console: captured.console, ages: ages)
        let step = UnitOperation.Step(Self.name, line: "", goal: .running)
        let operation = UnitOperation(context: context, patience: .wait(.milliseconds(10)))
        let error = await #expect(throws: ClusterManagerError.self) { try await operation.run([step]) }
        #expect(error?.code == (isOld ? .unreachable : .timedOut))
    }
}
