// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@testable import ClusterManager

@Suite("one command about a unit and what triggers it")
struct StartOrderTests {
    private static let socket = "[Socket]\nListenStream=/run/x\n"
    private static let newSocket = "[Socket]\nListenStream=/run/y\n"
    private static let timer = "[Timer]\nOnCalendar=daily\n"
    private static let global = "[X-Fleet]\nGlobal=true\n"

    /// What each stage asks for, and what it waits for where the steps alone would not say it.
    private func words(_ stages: [UnitOperation.Stage]) -> [String] {
        func words(_ steps: [UnitOperation.Step]) -> String {
            steps.map { step in
                let verb = step.verb ?? (step.request == nil ? "tell of" : "change")
                return "\(verb) \(step.unit)\(step.goal == nil ? " unseen" : "")"
            }.joined(separator: ", ")
        }
        return stages.map { words($0.steps) + ($0.beside.isEmpty ? "" : "; \(words($0.beside))") }
    }

    /// The stages of `start --replace` for units of which the cluster has `registered`, with the files that are here.
    private func start(
        _ files: [(String, String)], _ registered: [FleetUnit] = [], _ standing: Standing = .up
    ) throws -> [String] {
        let rising = BringingUp(to: .launched, replaces: true)
        let parts = try files.map { name, text in
            let unit = registered.first { $0.name.rawValue == name }
            let finding = UnitFinding(
                name: UnitName(unchecked: name), registered: unit, source: try Fixtures.source(text, name))
            let state = unit?.desired == .launched ? standing : nil
            return try rising.part(finding, try rising.step(finding, state).step, state)
        }
        return words(StartOrder.stages(starting: parts))
    }

    @Test("what is new is loaded, then the trigger is started, then the rest, in whatever order it is named")
    func new() throws {
        let files = [("x.service", Fixtures.plainText), ("x.socket", Self.socket), ("a.service", Fixtures.plainText)]
        #expect(
            try start(files) == [
                "load x.service, load x.socket; load a.service", "start x.socket", "start x.service, start a.service",
            ])
        #expect(
            try start(files.reversed()) == [
                "load x.socket, load x.service; load a.service", "start x.socket", "start a.service, start x.service",
            ])
    }

    @Test("global units have no outcome of their own, and what comes first is seen on their machines all the same")
    func globals() throws {
        let files = [
            ("g.service", Fixtures.plainText + Self.global), ("g.socket", Self.socket + Self.global),
        ]
        let stages = ["load g.service, load g.socket", "start g.socket"]
        #expect(try start(files) == stages + ["start g.service unseen, tell of g.socket unseen"])
        let units = try files.map { try Fixtures.unit($0, text: $1) }
        #expect(
            words(try BringingDown(.restart).stages(units, .wait(nil))) == [
                "stop g.socket", "stop g.service", "start g.socket", "start g.service unseen, tell of g.socket unseen",
            ])
        #expect(
            words(try BringingDown(.stop).stages(units, .wait(nil))) == [
                "stop g.socket", "stop g.service unseen, tell of g.socket unseen",
            ])
    }

    @Test("what runs and changes with its socket is stopped before either is started, and what stays is left alone")
    func changed() throws {
        let units = try [
            Fixtures.unit("x.service", machine: "m"), Fixtures.unit("x.socket", machine: "m", text: Self.socket),
        ]
        let stages = ["stop x.socket", "stop x.service", "start x.socket", "start x.service"]
        #expect(try start([("x.service", Fixtures.otherText), ("x.socket", Self.newSocket)], units) == stages)
        #expect(
            try start([("x.service", Fixtures.plainText), ("x.socket", Self.newSocket)], units)
                == ["start x.service, start x.socket"])
        // The socket is new to a service that gets another file.
        #expect(
            try start([("x.service", Fixtures.otherText), ("x.socket", Self.socket)], [units[0]])
                == ["load x.socket", "stop x.service", "start x.socket", "start x.service"])
        // Both have failed.
        #expect(
            try start([("x.service", Fixtures.plainText), ("x.socket", Self.socket)], units, .down)
                == ["start x.socket", "start x.service"])

        func apply(_ service: String, _ socket: String, _ units: [FleetUnit]) throws -> [String] {
            let files = try [("x.service", service), ("x.socket", socket)].map { name, text in
                (name: UnitName(unchecked: name), source: try Fixtures.source(text, name))
            }
            return words(Applying(files, units: units).stages(.wait(nil)))
        }
        #expect(try apply(Fixtures.otherText, Self.newSocket, units) == stages)
        #expect(
            try apply(Fixtures.plainText, Self.newSocket, units) == ["tell of x.service unseen, change x.socket"])
        let loaded = try [Fixtures.unit("x.service", .loaded), Fixtures.unit("x.socket", .loaded, text: Self.socket)]
        #expect(try apply(Fixtures.otherText, Self.newSocket, loaded) == ["change x.service, change x.socket"])
    }

    @Test("a restart of both stops both first where systemd would refuse the trigger, and other units come last")
    func restart() throws {
        func restart(
            _ trigger: String, _ text: String, on machine: String = "m", _ patience: UnitOperation.Patience = .wait(nil)
        ) throws -> [String] {
            let units = try [
                Fixtures.unit("x.service", machine: "m"), Fixtures.unit("a.service", machine: "m"),
                Fixtures.unit(trigger, machine: machine, text: text),
            ]
            return words(try BringingDown(.restart).stages(units, patience))
        }
        #expect(
            try restart("x.socket", Self.socket) == [
                "stop x.socket", "stop x.service", "start x.socket", "start x.service, restart a.service",
            ])
        let together = ["restart x.service, restart a.service, restart x.socket"]
        #expect(try restart("x.socket", Self.socket, on: "n") == together)
        #expect(throws: ClusterManagerError.self) { try restart("x.socket", Self.socket, .none) }
        #expect(try restart("x.timer", Self.timer) == ["restart x.service, restart a.service, restart x.timer"])
    }

    @Test("what would start a unit again is stopped before it")
    func stop() throws {
        let units = try [
            Fixtures.unit("x.service", machine: "m"), Fixtures.unit("x.timer", machine: "m", text: Self.timer),
        ]
        func stages(_ verb: BringingDown.Verb, _ patience: UnitOperation.Patience = .wait(nil)) throws -> [String] {
            words(try BringingDown(verb).stages(units, patience))
        }
        #expect(try stages(.stop) == ["stop x.timer", "stop x.service"])
        #expect(try stages(.stop, .none) == ["stop x.service, stop x.timer"])
        #expect(try stages(.unload) == ["unload x.service, unload x.timer"])
    }

    @Test("a restart of both ends with both up, each told of once")
    func restarted() async throws {
        let fleet = try running()
        let session = await Session.run("restart x.service x.socket", on: fleet)
        #expect(session.status == .success)
        #expect(session.errors == "cluster-manager: restarted 2 of 2 units\n")
        #expect(
            await fleet.requests == [
                "set x.socket loaded", "set x.service loaded", "set x.socket launched", "set x.service launched",
            ])
        #expect(
            session.output.split(separator: "\n").map { $0.prefix { $0 != "1" } }
                == ["Unit x.socket launched on ", "Unit x.service launched on "])
    }

    @Test("what does not stop in time is asked to restart, and no unit is left stopped")
    func stuckRestart() async throws {
        let fleet = try running(runsUnits: false)
        let session = await Session.run("restart x.service x.socket --timeout 1", on: fleet)
        #expect(session.status == .incomplete)
        #expect(session.errors.contains("gave up waiting after 1 s: 2 of 2 units not there yet"), "\(session.errors)")
        #expect(
            await fleet.requests == [
                "set x.socket loaded", "set x.service loaded", "set x.socket launched", "restart x.socket",
                "set x.service launched", "restart x.service",
            ])
    }

    @Test("a global pair that is not seen where it should be in time is no success")
    func stuckGlobals() async throws {
        let machine = Fixtures.machines(1)[0]
        let files = [("g.service", Fixtures.plainText + Self.global), ("g.socket", Self.socket + Self.global)]
        let units = try files.map { try Fixtures.unit($0, text: $1) }
        for (verb, late) in [("restart", "2 of 2 units"), ("stop", "1 of 1 units")] {
            let fleet = FakeFleet(
                units: units, states: units.map { Fixtures.state($0, on: machine.id) }, machines: [machine],
                runsUnits: false)
            let session = await Session.run("\(verb) g.service g.socket --timeout 1", on: fleet)
            #expect(session.status == .incomplete, "\(session.errors)")
            #expect(session.errors.contains("gave up waiting after 1 s: \(late) not there yet"), "\(session.errors)")
            #expect(!session.output.contains("g.socket"), "\(session.output)")
        }
    }

    @Test("of a unit that is refused nothing more is asked, and the other one is asked for")
    func refused() async throws {
        let refusal = ClusterManagerError(.refused, "no such thing")
        let fleet = try running(refusals: ["set x.socket loaded": refusal])
        let session = await Session.run("restart x.service x.socket", on: fleet)
        #expect(session.status == .incomplete)
        #expect(
            session.errors == """
                cluster-manager: no such thing
                cluster-manager: restarted 1 of 2 units
                cluster-manager: 1 of 2 requests was not carried out

                """)
        #expect(await fleet.requests == ["set x.service loaded", "set x.service launched"])
    }

    @Test("a unit that is stopped is started although nobody says how it is")
    func unknownState() async throws {
        let refusal = ClusterManagerError(.refused, "no answer")
        let fleet = try running(refusals: ["states of x.service": refusal, "states of x.socket": refusal])
        let session = await Session.run("restart x.service x.socket", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.requests.suffix(2) == ["set x.socket launched", "set x.service launched"])
    }

    @Test("nobody who answers between two stages is waited for: what is stopped is started all the same")
    func silence() async throws {
        let away = ClusterManagerError(.unreachable, "connection refused", isTransient: true)
        let fleet = try running(answersAboutMachines: [.success(Fixtures.machines(5)), .failure(away), .failure(away)])
        let session = await Session.run("restart x.service x.socket", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.requests.suffix(2) == ["set x.socket launched", "set x.service launched"])
    }

    @Test("the time that its user gives a command ends a wait between two stages, too")
    func silenceBeyondTimeout() async throws {
        let away = ClusterManagerError(.unreachable, "connection refused", isTransient: true)
        let failures = Array(repeating: Result<[FleetMachine], ClusterManagerError>.failure(away), count: 100)
        let fleet = try running(answersAboutMachines: [.success(Fixtures.machines(5))] + failures)
        let session = await Session.run("restart x.service x.socket --timeout 1", on: fleet)
        #expect(session.status == .incomplete)
        #expect(
            session.errors.contains(
                "gave up waiting after 1 s: nobody answers: connection refused; x.service, x.socket"),
            "\(session.errors)")
        #expect(await fleet.requests == ["set x.socket loaded"])
    }

    @Test("a socket is not restarted alone while its service runs, for systemd would leave it stopped")
    func socketAlone() async throws {
        let fleet = try running()
        let session = await Session.run("restart x.socket", on: fleet)
        #expect(session.status == .failure)
        #expect(
            session.errors == """
                cluster-manager: cannot restart x.socket alone: systemd starts it only as long as x.service is down, which runs; \
                'cluster-manager restart x.socket x.service' restarts both

                """)
        #expect(await fleet.requests.isEmpty)
        // A global one, and one that runs on some machines only.
        let file = Self.socket + Self.global
        let unit = try Fixtures.unit("x.socket", text: file)
        let finding = UnitFinding(name: unit.name, registered: unit, source: try Fixtures.source(file, "x.socket"))
        let rise = try BringingUp(to: .launched, replaces: false).step(finding, .partlyDown(machines: 1, of: 3)).step
        let error = await #expect(throws: ClusterManagerError.self) { try await rise.request?(fleet) }
        #expect(error?.message.hasSuffix("'cluster-manager restart x.socket x.service' does that") == true)
        // With Accept=yes each connection has a service of its own.
        let machine = Fixtures.machines(1)[0].id
        let units = try [
            Fixtures.unit("x.service", machine: machine),
            Fixtures.unit("x.socket", machine: machine, text: Self.socket + "Accept=yes\n"),
        ]
        let accepting = FakeFleet(units: units, states: units.map { Fixtures.state($0, on: machine) })
        #expect(await Session.run("restart x.socket", on: accepting).status == .success)
    }

    @Test("a restart that has to wait between two halves is refused to who does not, before anything is asked for")
    func restartWithoutWaiting() async throws {
        let fleet = try running()
        let session = await Session.run("restart x.service x.socket --no-block", on: fleet)
        #expect(session.status == .failure)
        #expect(session.errors.hasSuffix("which has to be waited for; leave out --no-block\n"), "\(session.errors)")
        #expect(await fleet.requests.isEmpty)
        let alone = await Session.run("restart x.service --no-block", on: fleet)
        #expect(alone.status == .success, "\(alone.errors)")
    }

    @Test("of a unit that was stopped and whose start is refused it is told which command starts it")
    func halfDone() async throws {
        let refusal = ClusterManagerError(.refused, "no such thing")
        for name in ["x.service", "x.socket"] {
            let fleet = try running(refusals: ["set \(name) launched": refusal])
            let session = await Session.run("restart x.service x.socket", on: fleet)
            #expect(session.status == .incomplete)
            #expect(
                session.errors == """
                    cluster-manager: no such thing; \(name) was not asked to start, which cluster-manager start \(name) does
                    cluster-manager: restarted 1 of 2 units
                    cluster-manager: 1 of 2 requests was not carried out

                    """)
        }
    }

    @Test("who leaves is told what was not asked for, and how it is asked for")
    func unasked() throws {
        let units = try [
            Fixtures.unit("x.service", machine: "m"), Fixtures.unit("a.service", machine: "m"),
            Fixtures.unit("x.socket", machine: "m", text: Self.socket),
        ]
        let stages = try BringingDown(.restart).stages(units, .wait(nil))
        let others =
            "a.service was not asked to restart, which cluster-manager restart a.service does"
        #expect(
            UnitOperation.unasked(stages[1...])
                == "x.service, x.socket were not asked to start, which cluster-manager start x.service x.socket does; "
                + others)
        #expect(
            UnitOperation.unasked(stages[3...])
                == "x.service was not asked to start, which cluster-manager start x.service does; \(others)")
        #expect(UnitOperation.unasked(stages[4...]) == nil)
    }

    @Test("a failure on the way is left to the last step to tell, and what was settled before counts")
    func onTheWay() async throws {
        let machine = Fixtures.machines(1)[0]
        let unit = try Fixtures.unit("x.service", machine: machine.id)
        let failed = Fixtures.state(unit, on: machine.id, "failed", "failed", load: "bad-setting")
        let fleet = FakeFleet(units: [unit], states: [failed], machines: [machine], runsUnits: false)
        let earlier = WaitReport.Line(.reached, UnitName(unchecked: "x.socket"), "Unit x.socket launched")
        for onTheWay in [[], [unit.name]] as [Set<UnitName>] {
            let captured = CapturedConsole()
            let waiter = try await Waiter(fleet, units: [unit.name], console: captured.console)
            let result = await waiter.wait(
                for: [WaitGoal(unit.name, .running)], onTheWay: onTheWay, after: [earlier], timeout: nil
            ) { _ in }
            #expect(captured.errors.isEmpty == !onTheWay.isEmpty, "\(captured.errors)")
            #expect(result.outcomes.map(\.kind) == [.reached, .failed])
            #expect(result.error?.message == "1 of 2 units did not get there")
        }
    }

    @Test("a global socket that fails is told of, and counts as failed")
    func failedGlobal() async throws {
        let machine = Fixtures.machines(1)[0]
        let units = try [("g.service", Fixtures.plainText + Self.global), ("g.socket", Self.socket + Self.global)].map {
            try Fixtures.unit($0, text: $1)
        }
        let fleet = FakeFleet(
            units: units, states: units.map { Fixtures.state($0, on: machine.id) }, machines: [machine])
        // What the machine does, of which the fleet of the tests knows nothing for global units.
        @Sendable func act(_ unit: FleetUnit, _ target: TargetState, _ active: String, _ health: String?) async throws {
            try await fleet.setTarget(target, of: unit.name)
            var state = Fixtures.state(unit, on: machine.id, active, "x", since: target == .launched ? 3000 : 2000)
            (state.acted, state.health) = (target, health)
            await fleet.tell(.state(state))
        }
        let parts = units.map { unit in
            let isSocket = unit.name.type == .socket
            var part = StartOrder.Part(unit.name, unit.file, on: nil, .init(unit.name, line: "\(unit.name) triggered"))
            part.restarts(by: { _ in try await act(unit, .loaded, "inactive", nil) }) { _ in
                try await act(unit, .launched, isSocket ? "failed" : "active", isSocket ? "failed: resources" : nil)
            }
            return part
        }
        let captured = CapturedConsole()
        let operation = UnitOperation(
            context: CommandContext(fleet: fleet, console: captured.console), patience: .wait(nil))
        let failure = await #expect(throws: ClusterManagerError.self) {
            try await operation.run(StartOrder.stages(starting: parts), summary: "restarted")
        }
        #expect(failure?.code == .unitFailed)
        #expect(captured.output == "g.service triggered\n")
        #expect(captured.errors.contains("unit g.socket failed on "), "\(captured.errors)")
        #expect(captured.errors.contains("restarted 0 of 1 units; 1 more was asked to"), "\(captured.errors)")
    }

    @Test(
        "a unit that no machine takes holds up the others once, and is waited for in the end", .timeLimit(.minutes(5)))
    func unplaced() async throws {
        let machine = Fixtures.machines(1)[0].id
        let units = try [
            Fixtures.unit("x.service", machine: machine), Fixtures.unit("x.socket", .inactive, text: Self.socket),
        ]
        let fleet = FakeFleet(units: units, states: [Fixtures.state(units[0], on: machine)], runsUnits: false)
        func step(
            _ unit: FleetUnit, _ kind: WaitGoal.Kind, _ request: @escaping UnitOperation.Request
        ) -> UnitOperation.Step {
            UnitOperation.Step(unit.name, line: "", goal: kind, request: request)
        }
        var placed = units[1]
        (placed.desired, placed.current, placed.machine) = (.launched, .launched, machine)
        let (socket, state) = (placed, Fixtures.state(placed, on: machine))
        let stages = [
            UnitOperation.Stage([step(units[1], .loaded) { try await $0.setTarget(.loaded, of: socket.name) }]),
            UnitOperation.Stage(
                [step(units[1], .running) { try await $0.setTarget(.launched, of: socket.name) }],
                bound: .seconds(86_400)),
            UnitOperation.Stage([
                step(units[0], .running) { _ in
                    // A machine takes the socket when the service is asked for, and no sooner.
                    await fleet.tell(.unit(socket))
                    await fleet.tell(.state(state))
                }
            ]),
        ]
        let captured = CapturedConsole()
        let context = CommandContext(fleet: fleet, console: captured.console)
        try await UnitOperation(context: context, patience: .wait(nil)).run(stages)
        #expect(await fleet.requests == ["set x.socket loaded", "set x.socket launched"])
        #expect(captured.output.contains("Unit x.socket launched on "), "\(captured.output)")
    }

    /// A service and its socket that run on one machine.
    private func running(
        runsUnits: Bool = true, refusals: [String: ClusterManagerError] = [:],
        answersAboutMachines: [Result<[FleetMachine], ClusterManagerError>] = []
    ) throws -> FakeFleet {
        let machine = Fixtures.machines(1)[0].id
        let units = try [
            Fixtures.unit("x.service", machine: machine),
            Fixtures.unit("x.socket", machine: machine, text: Self.socket),
        ]
        return FakeFleet(
            units: units, states: units.map { Fixtures.state($0, on: machine) }, runsUnits: runsUnits,
            refusals: refusals, answersAboutMachines: answersAboutMachines)
    }
}
