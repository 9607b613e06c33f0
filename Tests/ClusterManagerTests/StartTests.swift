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
        "a unit that somebody stops by hand is started when that has ended; one that is being restarted is left to it")
    func stoppedByHand() async throws {
        let machine = Fixtures.machines(1)[0].id
        for (restarts, requests) in [(0, ["restart web.service"]), (1, [])] {
            var web = try Fixtures.unit("web.service", machine: machine)
            web.restarts = restarts
            let fleet = FakeFleet(
                units: [web], states: [Fixtures.state(web, on: machine, "deactivating", "stop-sigterm")])
            _ = await Session.run("start web --no-block", on: fleet)
            #expect(await fleet.requests == requests)
        }
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

    @Test(
        "a unit and what triggers it are started by one command, in whatever order it names them",
        arguments: [
            ("x.socket", "[Socket]\nListenStream=/run/x\n", "x.service", Fixtures.plainText),
            ("y.socket", "[Socket]\nListenStream=/run/y\nService=x.service\n", "x.service", Fixtures.plainText),
            ("x.timer", "[Timer]\nOnCalendar=daily\n", "x.service", Fixtures.plainText),
            ("x.path", "[Path]\nPathExists=/x\n", "x.service", Fixtures.plainText),
            ("srv.automount", "[Automount]\nWhere=/srv\n", "srv.mount", "[Mount]\nWhat=/a\nWhere=/srv\n"),
        ], [false, true])
    func triggers(pair: (String, String, String, String), isTriggerFirst: Bool) async throws {
        let (trigger, triggerText, unit, text) = pair
        try await Fixtures.withFolder([trigger: triggerText, unit: text]) { folder async throws in
            let names = isTriggerFirst ? [trigger, unit] : [unit, trigger]
            let fleet = FakeFleet()
            let session = await Session.run(["start"] + names.map { "\(folder)/\($0)" }, on: fleet)
            #expect(session.status == .success && session.errors.isEmpty, "\(session.errors)")
            let requests = await fleet.requests
            // One may go where the other is, so both are known before either is waited for.
            #expect(requests.prefix(2).sorted() == ["create \(trigger) loaded", "create \(unit) loaded"].sorted())
            #expect(requests.dropFirst(2) == ["set \(trigger) launched", "set \(unit) launched"])
            let lines = session.output.split(separator: "\n").map { $0.prefix { $0 != "1" } }.sorted()
            #expect(lines == names.map { "Unit \($0) launched on " }.sorted().map { $0[...] })
        }
    }

    @Test("all units of a command are asked for, also when one that comes first does not come")
    func stuckPair() async throws {
        let files = [
            "a.service": Fixtures.plainText, "x.socket": "[Socket]\nListenStream=/run/x\n",
            "x.service": Fixtures.plainText,
        ]
        try await Fixtures.withFolder(files) { folder async throws in
            let names = ["a.service", "x.service", "x.socket"]
            let fleet = FakeFleet(runsUnits: false)
            let words = ["start"] + names.map { "\(folder)/\($0)" } + ["--timeout", "1"]
            let session = await Session.run(words, on: fleet)
            #expect(session.status == .incomplete, "\(session.errors)")
            let expected = names.map { "create \($0) loaded" } + names.map { "set \($0) launched" }
            #expect(await fleet.requests.sorted() == expected)
        }
    }

    @Test("nothing comes first of units that do not trigger each other, that run already, or that nobody waits for")
    func noTriggers() async throws {
        let socket = "[Socket]\nListenStream=/run/x\nService=other.service\n"
        let own = "[Socket]\nListenStream=/run/x\n"
        let files = ["a.socket": socket, "x.socket": own, "x.service": Fixtures.plainText]
        try await Fixtures.withFolder(files) { folder async throws in
            func requests(_ line: String, on fleet: FakeFleet) async -> [String] {
                let words = line.split(separator: " ").map { $0.contains(".") ? "\(folder)/\($0)" : String($0) }
                _ = await Session.run(words, on: fleet)
                return await fleet.requests.sorted()
            }
            #expect(
                await requests("start x.service a.socket", on: FakeFleet())
                    == ["create a.socket launched", "create x.service launched"])
            #expect(
                await requests("start x.service x.socket --no-block", on: FakeFleet())
                    == ["create x.service launched", "create x.socket launched"])
            #expect(
                await requests("load x.service x.socket", on: FakeFleet())
                    == ["create x.service loaded", "create x.socket loaded"])
            let machine = Fixtures.machines(1)[0].id
            let unit = try Fixtures.unit("x.service", machine: machine)
            let running = FakeFleet(units: [unit], states: [Fixtures.state(unit, on: machine)])
            #expect(await requests("start x.service x.socket", on: running) == ["create x.socket launched"])
        }
    }
}
