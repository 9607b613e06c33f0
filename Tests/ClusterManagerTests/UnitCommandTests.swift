// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import FoundationEssentials
import Testing

@Suite("fleet's commands")
struct UnitCommandTests {
    @Test("a unit's life: submit, load, start, restart, stop, unload, destroy")
    func life() async throws {
        try await Fixtures.withFolder(["web.service": Fixtures.plainText]) { folder in
            let fleet = FakeFleet()
            let place = "10000000.../172.17.8.101"
            let steps = [
                ("submit \(folder)/web.service", "Unit web.service inactive\n"),
                ("load web", "Unit web.service loaded on \(place)\n"),
                ("start web", "Unit web.service launched on \(place)\n"),
                ("restart web", "Unit web.service launched on \(place)\n"),
                ("stop web.service", "Unit web.service loaded on \(place)\n"),
                ("unload web", "Unit web.service inactive\n"), ("destroy web", "Destroyed web.service\n"),
            ]
            for (arguments, line) in steps {
                let session = await Session.run(arguments, on: fleet)
                #expect(session.output == line, "\(arguments)")
                #expect(session.errors.isEmpty, "\(arguments): \(session.errors)")
                #expect(session.status == .success, "\(arguments)")
            }
            #expect(
                await fleet.requests == [
                    "create web.service inactive", "set web.service loaded", "set web.service launched",
                    "restart web.service", "set web.service loaded", "set web.service inactive", "destroy web.service",
                ])
        }
    }

    @Test("start takes an instance from the registered template, and a pattern means known units")
    func instances() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("celix@.service", .inactive)])
        let start = await Session.run("start celix@1 celix@2.service celix@1", on: fleet)
        #expect(start.output.contains("Unit celix@1.service launched on 10000000.../172.17.8.101\n"))
        #expect(start.output.contains("Unit celix@2.service launched on 11000000.../172.17.8.102\n"))
        #expect(
            await fleet.requests.sorted() == ["create celix@1.service launched", "create celix@2.service launched"])
        let stop = await Session.run(["stop", "celix@[0-9]*"], on: fleet)
        #expect(stop.status == .success)
        #expect(stop.errors == "cluster-manager: stopped 2 of 2 units\n")
        let none = await Session.run(["stop", "zebra*"], on: fleet)
        #expect(none.status == .failure && none.errors == "cluster-manager: no unit matches 'zebra*'\n")
    }

    @Test(
        "a pattern takes the units that the verb can act on",
        arguments: [
            ("stop", ["set celix@1.service loaded"]),
            ("unload", ["set celix@1.service inactive", "set celix@2.service inactive"]),
            ("restart", ["restart celix@1.service"]),
            ("start", ["set celix@2.service launched", "set celix@3.service launched"]),
            ("load", ["set celix@3.service loaded"]), ("submit", []),
            (
                "destroy",
                [
                    "destroy celix@.service", "destroy celix@1.service", "destroy celix@2.service",
                    "destroy celix@3.service",
                ]
            ),
        ])
    func patterns(verb: String, requests: [String]) async throws {
        let fleet = FakeFleet(
            units: [
                try Fixtures.unit("celix@.service", .inactive), try Fixtures.unit("celix@1.service", machine: "m"),
                try Fixtures.unit("celix@2.service", .loaded, machine: "m"),
                try Fixtures.unit("celix@3.service", .inactive),
            ], runsUnits: false)
        let session = await Session.run([verb, "celix@*"] + (verb == "submit" ? [] : ["--no-block"]), on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(await fleet.requests.sorted() == requests)
    }

    @Test("what destroy would destroy is what it destroys, templates among it")
    func dryRun() async throws {
        let names = ["celix@.service", "celix@1.service"]
        for pattern in ["celix@*", "celix@.*"] {
            let meant = pattern == "celix@*" ? names : [names[0]]
            let fleet = FakeFleet(
                units: [try Fixtures.unit(names[0], .inactive), try Fixtures.unit(names[1])], runsUnits: false)
            let told = await Session.run(["destroy", "--dry-run", pattern], on: fleet)
            #expect(told.output == meant.map { "would destroy \($0)\n" }.joined(), "\(told.errors)")
            #expect(await fleet.requests.isEmpty)
            let session = await Session.run(["destroy", pattern, "--no-block"], on: fleet)
            #expect(session.status == .success, "\(session.errors)")
            #expect(await fleet.requests.count == meant.count)
        }
        let none = await Session.run(["destroy", "--dry-run", "none"], on: FakeFleet(units: []))
        #expect(none.status == .success && none.errors.contains("none.service does not exist"), "\(none.errors)")
    }

    @Test("a pattern that means no unit of use to the verb says why")
    func uselessPattern() async throws {
        let fleet = FakeFleet(units: [
            try Fixtures.unit("celix@.service", .inactive), try Fixtures.unit("celix@3.service", .inactive),
            try Fixtures.unit("celix@4.service", .inactive),
        ])
        for (arguments, words) in [
            (
                ["stop", "celix@*"],
                "can be meant by 'stop': celix@.service is a template; celix@3.service is inactive, on no machine (and 1 more)"
            ),
            (
                ["restart", "celix@[34]*"],
                "can be meant by 'restart': celix@3.service is inactive, not launched, and so it is with the other one"
            ),
            (["restart", "celix@3*"], "can be meant by 'restart': celix@3.service is inactive, not launched"),
            (["start", "celix@.*"], "can be meant by 'start': celix@.service is a template"),
        ] {
            let session = await Session.run(arguments, on: fleet)
            #expect(session.errors.contains(words), "\(session.errors)")
            #expect(session.status == .failure)
        }
        #expect(await fleet.requests.isEmpty)
    }

    @Test(
        "a name that a unit has by its Alias= means that unit",
        arguments: [
            ("stop db", "Unit pgmain.service loaded on m", ["set pgmain.service loaded"]),
            ("start db", "Unit pgmain.service launched on m", []),
            ("restart db pgmain", "Unit pgmain.service launched on m", ["restart pgmain.service"]),
            ("unload db", "Unit pgmain.service inactive", ["set pgmain.service inactive"]),
            ("destroy db", "Destroyed pgmain.service", ["destroy pgmain.service"]), ("cat db", "[Service]", []),
            ("status db pgmain", "pgmain.service", []), ("explain db", "pgmain.service is to be launched", []),
        ])
    func aliases(arguments: String, line: String, requests: [String]) async throws {
        let unit = try Fixtures.unit(
            "pgmain.service", machine: Fixtures.machines(1)[0].id,
            text: Fixtures.plainText + "[Install]\nAlias=db.service\n")
        let state = FleetUnitState(
            name: unit.name, machine: Fixtures.machines(1)[0].id, hash: unit.hash, active: "active", sub: "running",
            since: 1)
        let fleet = FakeFleet(units: [unit], states: [state])
        let session = await Session.run(arguments, on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        #expect(session.output.contains(line.replacing(" m", with: " 10000000")), "\(session.output)")
        #expect(session.output.split(separator: "\n").count { $0.contains("pgmain.service") } <= 1)
        #expect(await fleet.requests == requests)
    }

    @Test("start takes an instance from a template file beside it")
    func templateFile() async throws {
        try await Fixtures.withFolder(["job@.service": Fixtures.plainText]) { folder in
            let fleet = FakeFleet()
            let session = await Session.run("start \(folder)/job@7", on: fleet)
            #expect(session.output.hasPrefix("Unit job@7.service launched on"))
            #expect(await fleet.requests == ["create job@7.service launched"])
        }
    }

    @Test(
        "without waiting, commands say what they triggered",
        arguments: [
            ("start web --no-block", "Triggered unit web.service start\n"),
            ("load web --no-block", "Triggered unit web.service load\n"),
            ("unload web --no-block", "Triggered unit web.service unload\n"),
            ("destroy web --no-block", "Destroyed web.service\n"),
            ("start log --no-block", "Triggered global unit log.service start\n"),
            // A global unit is on no machine of its own, so there is nothing to wait for.
            ("start log", "Triggered global unit log.service start\n"),
        ])
    func triggered(arguments: String, line: String) async throws {
        let fleet = FakeFleet(
            units: [
                try Fixtures.unit("web.service", .inactive),
                try Fixtures.unit("log.service", .inactive, text: Fixtures.globalText),
            ], runsUnits: false)
        let session = await Session.run(arguments, on: fleet)
        #expect(session.output == line)
        #expect(session.status == .success)
    }

    @Test(
        "what cannot be done is refused before anything is sent",
        arguments: [
            ("stop rest", "cannot stop rest.service: it is inactive, on no machine"),
            ("restart rest", "cannot restart rest.service: it is inactive, not launched; use 'start'"),
            ("restart nobody", "cannot restart nobody.service: there is no such unit"),
            (
                "start celix@",
                "cannot start celix@.service: it is a template; start an instance of it, such as celix@1.s"
            ),
            ("start rest nobody", "unit nobody.service is neither in the cluster nor in a file nobody.service"),
            ("start rest nobody@1", "neither unit nobody@1.service nor its template nobody@.service is in the cluster"),
            ("cat nobody", "there is no unit nobody.service; see 'cluster-manager list-unit-files'"),
            ("status rest nobody", "there is no unit nobody.service; see 'cluster-manager list-unit-files'"),
        ])
    func refused(arguments: String, message: String) async throws {
        let fleet = FakeFleet(units: [
            try Fixtures.unit("rest.service", .inactive), try Fixtures.unit("celix@.service", .inactive),
        ])
        let session = await Session.run(arguments, on: fleet)
        #expect(session.errors.hasPrefix("cluster-manager: \(message)"), "\(session.errors)")
        #expect(session.status == .failure)
        #expect(await fleet.requests.isEmpty)
    }

    @Test("stopping or destroying what does not exist is noted, and no failure, as with fleet")
    func unknownUnits() async {
        for verb in ["stop", "unload", "destroy"] {
            let session = await Session.run("\(verb) nobody")
            #expect(session.status == .success)
            #expect(
                session.errors
                    == "cluster-manager: unit nobody.service does not exist, so there is nothing to \(verb)\n")
        }
    }

    @Test("a changed file is reported, and taken with --replace")
    func replace() async throws {
        try await Fixtures.withFolder(["web.service": Fixtures.otherText]) { folder in
            let path = "\(folder)/web.service"
            func fleet(_ desired: TargetState) async throws -> FakeFleet {
                FakeFleet(units: [try Fixtures.unit("web.service", desired)])
            }
            let plain = try await fleet(.inactive)
            let warned = await Session.run("start \(path)", on: plain)
            #expect(warned.status == .success)
            #expect(warned.errors.hasPrefix("cluster-manager: unit web.service in the cluster differs from the file"))
            #expect(await plain.requests == ["set web.service launched"])

            let replaced = try await fleet(.launched)
            #expect(await Session.run("start --replace \(path)", on: replaced).status == .success)
            #expect(await replaced.requests == ["replace web.service launched"])

            let refused = try await fleet(.launched)
            let session = await Session.run("submit --replace \(path)", on: refused)
            #expect(session.status == .failure)
            #expect(session.errors.contains("cannot replace web.service by 'submit': it is launched"))
            #expect(await refused.requests.isEmpty)
        }
    }

    @Test(
        "an instance is compared with the template's file beside where its own would be",
        arguments: ["submit", "load", "start"])
    func replaceInstance(verb: String) async throws {
        let other = "[Service]\nExecStart=/bin/sleep 1\n"
        try await Fixtures.withFolder(["x@.service": other]) { folder in
            func fleet(_ text: String) async throws -> FakeFleet {
                FakeFleet(units: [try Fixtures.unit("x@1.service", .inactive, text: text)])
            }
            let warned = try await fleet(Fixtures.plainText)
            let warning = await Session.run("\(verb) \(folder)/x@1.service", on: warned)
            #expect(warning.status == .success)
            #expect(warning.errors.hasPrefix("cluster-manager: unit x@1.service in the cluster differs from the file"))
            #expect(await warned.requests.allSatisfy { !$0.hasPrefix("replace") })

            let replaced = try await fleet(Fixtures.plainText)
            #expect(await Session.run("\(verb) --replace \(folder)/x@1.service", on: replaced).status == .success)
            #expect(await replaced.requests.first?.hasPrefix("replace x@1.service") == true)
            let taken = try await replaced.unit(UnitName(unchecked: "x@1.service"))
            #expect(taken?.file.hash == (try UnitFile(parsing: other).hash))

            // The same file again is nothing to do.
            let same = try await fleet(other)
            let again = await Session.run("\(verb) --replace \(folder)/x@1.service", on: same)
            #expect(again.status == .success && again.errors.isEmpty)
            #expect(await same.requests.allSatisfy { !$0.hasPrefix("replace") })
        }
    }

    @Test("when some requests fail, the others are carried out and the exit status says so")
    func partialFailure() async throws {
        let refusal = ClusterManagerError(.refused, "cannot set unit b.service: no")
        let fleet = FakeFleet(
            units: try ["a.service", "b.service"].map { try Fixtures.unit($0, .inactive) },
            refusals: ["set b.service launched": refusal])
        let session = await Session.run("start a b", on: fleet)
        #expect(session.output.hasPrefix("Unit a.service launched on "))
        #expect(
            session.errors
                == "cluster-manager: cannot set unit b.service: no\n"
                + "cluster-manager: 1 of 2 requests was not carried out\n")
        #expect(session.status == .incomplete)
        let single = await Session.run("start b", on: fleet)
        #expect(single.errors == "cluster-manager: cannot set unit b.service: no\n")
        #expect(single.status == .failure)
    }

    @Test("a unit that fails makes start fail, with one line that says where to look")
    func unitFails() async throws {
        let unit = try Fixtures.unit("web.service", machine: Fixtures.machines(1)[0].id)
        let fleet = FakeFleet(
            units: [unit], states: [Fixtures.state(unit, on: unit.machine ?? "", "failed", "failed")], runsUnits: false)
        let session = await Session.run("start web", on: fleet)
        #expect(session.status == .failure)
        #expect(
            session.errors
                == "cluster-manager: unit web.service failed on 10000000.../172.17.8.101;"
                + " see 'cluster-manager status web.service'\n")
    }

    @Test("cat prints the file as it was submitted")
    func cat() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("celix@.service", .inactive)])
        #expect(await Session.run("cat celix@", on: fleet).output == Fixtures.celixText)
        #expect(
            await Session.run("cat celix@ --output json", on: fleet).output.contains("\"text\" : \"# The C agents."))
    }

    @Test("status tells target, machine, state, file and reason")
    func status() async throws {
        let machine = Fixtures.machines(1)[0].id
        let unit = try Fixtures.unit("web.service", machine: machine)
        let waits = try Fixtures.unit("felix@9.service", reason: "5 machines: all conflict")
        let fleet = FakeFleet(
            units: [unit, waits], states: [Fixtures.state(unit, on: machine, since: 1_700_000_000_000)],
            runsUnits: false)
        let good = await Session.run("status web", on: fleet)
        #expect(
            good.output == """
                \u{25CF} web.service - Plain
                     Target: launched
                       Hash: \(unit.hash.prefix(7))
                    Machine: 10000000.../172.17.8.101
                     Loaded: loaded
                     Active: active (running) since 2023-11-14T22:13:20Z

                """)
        #expect(good.status == .success)
        var refused = Fixtures.state(unit, on: machine, "inactive", "dead")
        refused.health = "not started: no\u{07} such unit"
        let stuck = FakeFleet(units: [unit], states: [refused], runsUnits: false)
        let shown = await Session.run("status web", on: stuck).output
        #expect(shown.hasSuffix("     Reason: not started: no\\x07 such unit\n"), "\(shown)")
        for command in ["status web", "list-units"] {
            let json = await Session.run("\(command) --output json", on: stuck).output
            #expect(json.contains(#""health" : "not started: no\u0007 such unit""#), "\(json)")
        }
        let bad = await Session.run("status felix@9", on: fleet)
        #expect(bad.output.contains("     Reason: 5 machines: all conflict\n"))
        #expect(bad.errors.isEmpty && bad.status == .failure)
    }

    @Test(
        "listings",
        arguments: [
            (
                "list-machines",
                "MACHINE      IP            METADATA\n10000000...  172.17.8.101  a=1,role=w\n11000000...  172.17.8.102  -\n"
            ),
            ("list-machines --no-legend --fields ip", "172.17.8.101\n172.17.8.102\n"),
            (
                "list-machines -l --no-legend --fields machine,ip",
                "10\(String(repeating: "0", count: 30))  172.17.8.101\n"
                    + "11\(String(repeating: "0", count: 30))  172.17.8.102\n"
            ),
            (
                "list-units",
                "UNIT         MACHINE                   ACTIVE  SUB\n"
                    + "web.service  10000000.../172.17.8.101  active  running\n"
            ),
            ("list-units --no-legend --fields load,active,unit", "loaded  active  web.service\n"),
            (
                "list-unit-files --no-legend --fields unit,dstate,state,target,global,desc",
                "log.service  launched  -         global                    true   -\n"
                    + "web.service  launched  launched  10000000.../172.17.8.101  false  Plain\n"
            ),
        ])
    func listings(arguments: String, text: String) async throws {
        var machines = Fixtures.machines(2)
        machines[0].metadata = ["role": "w", "a": "1"]
        let unit = try Fixtures.unit("web.service", machine: machines[0].id)
        let fleet = FakeFleet(
            units: [unit, try Fixtures.unit("log.service", text: Fixtures.globalText)],
            states: [Fixtures.state(unit, on: machines[0].id)], machines: machines, runsUnits: false)
        #expect(await Session.run(arguments, on: fleet).output == text)
    }

    @Test("text from the cluster cannot send codes to the terminal")
    func controlCharacters() async {
        let machine = FleetMachine(id: Fixtures.id("1"), address: "1.2.3.4", metadata: ["k": "a\u{1B}[31m\nb"])
        let session = await Session.run(
            "list-machines --no-legend --fields metadata", on: FakeFleet(machines: [machine]))
        #expect(session.output == "k=a\\x1b[31m\\nb\n")
    }

    @Test("a line for a person holds nothing that a terminal obeys; text that is written as it is stays so")
    func printableLines() {
        let captured = CapturedConsole()
        captured.console.errors.line("a\u{1B}]0;x\u{07}\tb\r\u{7F}\u{85}\u{2066}ü")
        captured.console.output.write("a\u{1B}b")
        #expect(captured.errors == #"a\x1b]0;x\x07"# + "\t" + #"b\x0d\x7f\x85\u2066ü"# + "\n")
        #expect(captured.output == "a\u{1B}b")
    }

    @Test("a description and a reason are shown as the unit's, without codes for the terminal")
    func printableStatus() async throws {
        let text = "[Unit]\nDescription=%p no %i\u{1B}[31m\u{202E}\u{9B}x\n[Service]\nExecStart=/bin/true\n"
        let unit = try Fixtures.unit("celix@1.service", reason: "no\u{07}\nmachine", text: text)
        let shown = #"celix no 1\x1b[31m\u202e\x9bx"#
        let status = await Session.run("status celix@1", on: FakeFleet(units: [unit], runsUnits: false))
        #expect(status.output.contains("celix@1.service - \(shown)\n"), "\(status.output)")
        #expect(status.output.contains(#"Reason: no\x07\nmachine"#), "\(status.output)")
        let list = await Session.run(
            "list-unit-files --no-legend --fields desc", on: FakeFleet(units: [unit], runsUnits: false))
        #expect(list.output == shown + "\n")
        let json = await Session.run("status celix@1 --output json", on: FakeFleet(units: [unit], runsUnits: false))
        #expect(json.output.contains(#"celix no 1\u001b[31m\u202e\u009bx"#), "\(json.output)")
    }

    @Test("colours are there only where the stream has them")
    func colours() throws {
        let unit = try Fixtures.unit("web.service", machine: "m")
        let view = FleetView(units: [unit], states: [Fixtures.state(unit, on: "m", "failed", "failed")])
        let rows = view.sortedStates.map { UnitRow($0, in: view) }
        let columns = try UnitRow.columns(for: ["active", "unit"])
        func text(_ hasColours: Bool) -> String {
            Table(rows, columns: columns, layout: TableLayout(hasLegend: false, hasColours: hasColours)).text
        }
        #expect(text(false) == "failed  web.service\n")
        #expect(text(true) == "\u{1B}[31mfailed\u{1B}[0m  web.service\n")
    }

    @Test("many units are sent in several requests at a time, and all of them")
    func many() async throws {
        let names = (1...120).map { "w@\($0).service" }
        let fleet = FakeFleet(units: [try Fixtures.unit("w@.service", .inactive)])
        let session = await Session.run(["start"] + names, on: fleet)
        #expect(session.status == .success)
        #expect(Set(await fleet.requests) == Set(names.map { "create \($0) launched" }))
        #expect(session.output.count { $0 == "\n" } == 120)
    }
}
