// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials
import Testing

@testable import ClusterManager

@Suite("words of the command line")
struct CommandWordsTests {
    @Test(
        "a command that is none is named, with the one that was probably meant",
        arguments: [
            ("staus felix@1", "unknown command 'staus'; did you mean 'status'?"),
            ("strat", "unknown command 'strat'; did you mean 'start'?"),
            ("lst-units", "unknown command 'lst-units'; did you mean 'list-units'?"),
            ("logs web", "unknown command 'logs'; did you mean 'journal'?"),
            ("ps", "unknown command 'ps'; did you mean 'list-units'?"),
            ("nodes", "unknown command 'nodes'; did you mean 'list-machines'?"),
            ("list-machine", "unknown command 'list-machine'; did you mean 'list-machines'?"),
            ("help nope", "unknown command 'nope'; see 'cluster-manager --help'"),
            ("help start nope", "unknown command 'start nope'; see 'cluster-manager start --help'"),
            ("help brake nope", "unknown command 'brake nope'; see 'cluster-manager brake --help'"),
            ("LIST-UNITS", "unknown command 'LIST-UNITS'; did you mean 'list-units'?"),
            ("Logs web", "unknown command 'Logs'; did you mean 'journal'?"),
            ("help token craete", "unknown command 'token craete'; did you mean 'token create'?"),
            ("token craete --ttl 1h", "unknown command 'token craete'; did you mean 'token create'?"),
            ("user ad", "unknown command 'user ad'; did you mean 'user add'?"),
            ("user create ada --role viewer", "unknown command 'user create'; did you mean 'user add'?"),
            ("profile rm", "unknown command 'profile rm'; did you mean 'profile remove'?"),
            ("token rm 1a2b", "unknown command 'token rm'; did you mean 'token revoke'?"),
            ("machine ls", "unknown command 'machine ls'; did you mean 'machine list'?"),
            ("brake relase", "unknown command 'brake relase'; did you mean 'brake release'?"),
            ("brake --profile x nope", "unknown command 'brake nope'; see 'cluster-manager brake --help'"),
            ("stat web", "unknown command 'stat'; did you mean 'status'?"),
            ("st web", "unknown command 'st'; see 'cluster-manager --help'"),
            ("--debug strat", "unknown command 'strat'; did you mean 'start'?"),
            ("--endpoint tcp:127.0.0.1:9 bogus", "unknown command 'bogus'; see 'cluster-manager --help'"),
            ("frobnicate a b c", "unknown command 'frobnicate'; see 'cluster-manager --help'"),
        ])
    func unknown(arguments: String, words: String) async {
        let session = await Session.run(arguments)
        #expect(session.status == .failure)
        #expect(session.output.isEmpty)
        #expect(session.errors.hasPrefix("cluster-manager: \(words)"), "\(session.errors)")
        #expect(session.errors.count { $0 == "\n" } == 1)
    }

    @Test("the help of a command is about the command: the common options are named in three lines")
    func help() async {
        let cordon = await Session.run("cordon --help").output
        #expect(cordon.split(separator: "\n").count < 20, "\(cordon)")
        for name in ["--endpoint", "--profile", "--request-timeout", "--output", "--debug"] {
            #expect(cordon.contains(name))
        }
        #expect(await Session.run("help cordon").output == cordon)
        let verify = await Session.run("verify --help").output
        #expect(!verify.contains("--endpoint") && verify.contains("--output <table|json>"))
        let root = await Session.run("--help").output
        #expect(root.contains("Where the cluster's API answers"))
    }

    @Test(
        "help is whole on any terminal, its usage fits one of 80 columns, and its examples can be pasted",
        arguments: ["1", "20", "80", "200"])
    func width(columns: String) async throws {
        let dump = await Session.run("--experimental-dump-help").output
        let manual = try ManualSource(Data(dump.utf8), section: 1)
        for command in manual.commands {
            let page = await Session.run(command + ["--help"], on: FakeFleet(), environment: ["COLUMNS": columns])
            #expect(page.status == .success && page.output.contains("USAGE"), "\(command)")
            guard columns == "80" else { continue }
            let lines = page.output.split(separator: "\n", omittingEmptySubsequences: false)
            // ArgumentParser does not break these.
            let usage = lines.drop { !$0.hasPrefix("USAGE: ") }.prefix { !$0.isEmpty }
            #expect(usage.allSatisfy { $0.count <= 80 }, "\(command): \(usage)")
            let prose = lines.prefix { !$0.hasPrefix("USAGE: ") }.filter { !$0.hasPrefix(" ") }
            #expect(!prose.contains { $0.contains("  ") }, "\(command): a gap in \(prose)")
            let examples = lines.drop { $0 != "EXAMPLES:" }.dropFirst().prefix { !$0.isEmpty }
            for (line, next) in zip(examples, examples.dropFirst()) where !next.hasPrefix("  cluster-manager ") {
                #expect(line.hasSuffix("\\") || line.hasSuffix("|"), "\(command): \(line)\n\(next)")
            }
        }
    }

    @Test(
        "help keeps to a narrow terminal down to 20 columns, loses no word, and leaves examples whole",
        arguments: [20, 33, 49])
    func narrowHelp(columns: Int) async throws {
        func page(_ command: [String], _ columns: Int) async -> String {
            await Session.run(command + ["--help"], on: FakeFleet(), environment: ["COLUMNS": "\(columns)"]).output
        }
        let dump = await Session.run("--experimental-dump-help").output
        for command in try ManualSource(Data(dump.utf8), section: 1).commands {
            let narrow = await page(command, columns)
            let wide = await page(command, 200)
            #expect(narrow.split(whereSeparator: \.isWhitespace) == wide.split(whereSeparator: \.isWhitespace))
            let lines = narrow.split(separator: "\n", omittingEmptySubsequences: false)
            let examples = lines.drop { $0 != "EXAMPLES:" }.prefix { !$0.isEmpty }
            for (index, line) in lines.enumerated() where !examples.indices.contains(index) {
                #expect(line.count <= columns || line.split(separator: " ").count == 1, "\(command): \(line)")
            }
        }
    }

    @Test("what is no page of help is as it is on any terminal", arguments: ["1", "20", "200"])
    func script(columns: String) async {
        let script = ["--generate-completion-script", "bash"]
        let usual = await Session.run(script, on: FakeFleet(), environment: ["COLUMNS": "80"]).output
        let other = await Session.run(script, on: FakeFleet(), environment: ["COLUMNS": columns]).output
        #expect(!usual.isEmpty && other == usual)
        let version = await Session.run(["--version"], on: FakeFleet(), environment: ["COLUMNS": columns]).output
        #expect(version == Program.version + "\n")
    }

    @Test(
        "a time may be seconds or have a unit, in every command",
        arguments: [("90", 90), ("2.5", 2.5), ("30s", 30), ("10m", 600), ("1h", 3600), ("7d", 604_800)])
    func times(text: String, seconds: Double) async throws {
        #expect(Period.time(text) == seconds)
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service", .inactive)])
        let session = await Session.run("start web --timeout \(text)", on: fleet)
        #expect(session.status == .success, "\(session.errors)")
        let asked = await Session.run("list-units --request-timeout \(seconds > 86_400 ? "1d" : text)", on: fleet)
        #expect(asked.status == .success, "\(asked.errors)")
    }

    @Test("what is no time is none", arguments: ["", "s", "soon", "0", "-1", "1w", "1e3", "inf", "nan", "1 h", "0x10"])
    func noTimes(text: String) { #expect(Period.time(text) == nil) }

    @Test("why a unit waits stands in the listing that is asked for it, and in JSON")
    func reasons() async throws {
        let fleet = FakeFleet(
            units: [
                try Fixtures.unit("far.service", reason: "0 of 5 machines can take it"),
                try Fixtures.unit("near.service", machine: Fixtures.id("10")),
                try Fixtures.unit("wide.service", reason: "no machine has role=db", text: Fixtures.globalText),
            ], runsUnits: false)
        let table = await Session.run("list-unit-files --no-legend --fields unit,reason", on: fleet).output
        #expect(
            table == """
                far.service   0 of 5 machines can take it
                near.service  -
                wide.service  no machine has role=db

                """)
        let json = await Session.run("list-unit-files --output json", on: fleet).output
        #expect(json.contains(#""reason" : "0 of 5 machines can take it""#))
        let status = await Session.run("status wide", on: fleet).output
        #expect(status.contains("     Reason: no machine has role=db\n"), "\(status)")
    }

    @Test("a unit that was launched and is down shows as such among the unit files", arguments: ["failed", "inactive"])
    func launchedAndDown(active: String) async throws {
        let up = try Fixtures.unit("up.service", machine: Fixtures.id("10"))
        let down = try Fixtures.unit("down.service", machine: Fixtures.id("10"))
        let states = [
            Fixtures.state(up, on: Fixtures.id("10")), Fixtures.state(down, on: Fixtures.id("10"), active, active),
        ]
        let both = await Session.run("list-unit-files", on: FakeFleet(units: [up, down], states: states)).output
        let lines = both.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.first?.last == "ACTIVE", "\(both)")
        #expect(lines.first { $0.first == "down.service" }?.last.map(String.init) == active, "\(both)")
        let fine = await Session.run("list-unit-files", on: FakeFleet(units: [up], states: [states[0]])).output
        #expect(!fine.contains("ACTIVE"), "\(fine)")
    }

    @Test("in JSON a verb that waits says where a unit is and what systemd says of it, beside the words for people")
    func resultFields() async throws {
        let unit = try Fixtures.unit("web.service", .loaded, machine: Fixtures.id("10"))
        let json = await Session.run("start web --output json", on: FakeFleet(units: [unit])).output
        #expect(json.contains(#""active" : "active""#) && json.contains(#""sub" : "running""#), "\(json)")
        #expect(json.contains(#""machine" : "\#(Fixtures.id("10"))""#), "\(json)")
    }

    @Test("a unit that systemd cannot load shows as such")
    func badSetting() async throws {
        let unit = try Fixtures.unit("web.service", machine: Fixtures.id("10"))
        let good = Fixtures.state(unit, on: Fixtures.id("10"))
        let bad = Fixtures.state(unit, on: Fixtures.id("11"), "inactive", "dead", load: "bad-setting")
        let both = await Session.run("list-units", on: FakeFleet(units: [unit], states: [good, bad])).output
        #expect(both.split(separator: "\n").first?.hasSuffix("SUB      LOAD") == true, "\(both)")
        #expect(both.contains("bad-setting"))
        let fine = await Session.run("list-units", on: FakeFleet(units: [unit], states: [good])).output
        #expect(!fine.contains("LOAD"))
    }

    @Test("cordoned machines count as what they are for a unit that would be placed")
    func cordons() async throws {
        var machines = Fixtures.machines(4)
        for index in 0..<4 { machines[index].isCordoned = index < 3 }
        let unit = try Fixtures.unit("web.service")
        let some = await Session.run("explain web", on: FakeFleet(units: [unit], machines: machines, runsUnits: false))
        #expect(some.output.contains("3 of 4 machines are cordoned and take no new units.\n"), "\(some.output)")
        #expect(some.output.contains("It has no rules: 1 machine would do."))
        let single = Array(machines[2...])
        let one = await Session.run("explain web", on: FakeFleet(units: [unit], machines: single, runsUnits: false))
        #expect(one.output.contains("1 of 2 machines is cordoned and takes no new units.\n"), "\(one.output)")
        machines[3].isCordoned = true
        let none = await Session.run("explain web", on: FakeFleet(units: [unit], machines: machines, runsUnits: false))
        #expect(none.output.contains("It has no rules, and no machine can take it now."))
        let celix = try Fixtures.unit("celix@1.service")
        let ruled = await Session.run(
            "explain celix@1", on: FakeFleet(units: [celix], machines: machines, runsUnits: false))
        #expect(ruled.output.contains("0 of 4 machines pass all rules and take it now."), "\(ruled.output)")
    }

    @Test("a load of a unit that runs says that it goes on running")
    func loadOfLaunched() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("web.service", machine: Fixtures.id("10"))])
        let session = await Session.run("load web", on: fleet)
        #expect(session.output == "Unit web.service is launched and stays so; 'stop' leaves it loaded\n")
        #expect(session.status == .success)
        #expect(await fleet.requests.isEmpty)
    }

    @Test("a dry run of destroy names the units and destroys none")
    func destroyDryRun() async throws {
        let fleet = FakeFleet(units: [try Fixtures.unit("w@1.service"), try Fixtures.unit("w@2.service")])
        let session = await Session.run("destroy --dry-run w@*", on: fleet)
        #expect(session.output == "would destroy w@1.service\nwould destroy w@2.service\n")
        #expect(await fleet.requests.isEmpty)
        let json = await Session.run("destroy --dry-run w@1 --output json", on: fleet).output
        #expect(
            try JSONDecoder().decode([String: [String]].self, from: Data(json.utf8)) == [
                "wouldDestroy": ["w@1.service"]
            ])
        #expect(await fleet.requests.isEmpty)
    }

    @Test(
        "the audit calls those at a machine's own socket what they are",
        arguments: [("unix:0", "root"), ("unix:1000", "uid 1000"), ("user:ada", "user:ada")])
    func auditUsers(name: String, shown: String) {
        #expect(AuditWords.user(name) == shown)
        #expect(AuditWords.place("unix") == "a machine's socket" && AuditWords.place("10.0.0.1") == "10.0.0.1")
        #expect(AuditWords.place("unix:4b0034e8" + String(repeating: "0", count: 24)) == "socket of 4b0034e8")
    }

    @Test(
        "the audit says what was done in the words of the command that does it",
        arguments: [
            ("PUT /fleet/v1/units/web@1.service", nil, "inactive 3f2a9c01", "submit web@1.service"),
            ("PUT /fleet/v1/units/web@1.service", "inactive 3f2a9c01", "launched 3f2a9c01", "start web@1.service"),
            ("PUT /fleet/v1/units/web@1.service", "launched 3f2a9c01", "loaded 3f2a9c01", "stop web@1.service"),
            ("PUT /v1-alpha/units/web@1.service", "launched 3f2a9c01", "inactive 3f2a9c01", "unload web@1.service"),
            ("PUT /fleet/v1/units/w.service", "launched 3f2a9c01", "launched 77777777, restart 1", "replace w.service"),
            ("PUT /fleet/v1/units/w.service", "launched 3f2a9c01", nil, "change w.service"),
            ("DELETE /fleet/v1/units/w.service", "launched 3f2a9c01", nil, "destroy w.service"),
            (
                "POST /fleet/v1/units/w.service/restart", "launched 3f2a9c01", "launched 3f2a9c01, restart 1",
                "restart w.service"
            ),
            ("POST /flotilla/v1/machines/19feb34b000000000000000000000000/drain", nil, nil, "drain 19feb34b"),
            (
                "PUT /flotilla/v1/operations/drain-1", nil,
                "operation drain-1: drain of machine 19feb34b000000000000000000000000", "drain 19feb34b"
            ),
            (
                "PUT /flotilla/v1/operations/move-1", nil,
                "operation move-1: move of web.service to machine 19feb34b000000000000000000000000",
                "move web.service 19feb34b"
            ),
            ("PUT /flotilla/v1/operations/move-1", nil, nil, "begin operation move-1"),
            ("POST /flotilla/v1/operations/move-1/abort", nil, nil, "operation abort move-1"),
            ("POST /flotilla/v1/machines/19feb34b000000000000000000000000/revoke", nil, nil, "machine revoke 19feb34b"),
            (
                "POST /flotilla/v1/machines/19feb34b000000000000000000000000/password/rotate", nil, nil,
                "cluster store rotate-passwords of 19feb34b"
            ),
            (
                "POST /flotilla/v1/machines/19feb34b000000000000000000000000/password", nil, nil,
                "new password in etcd of 19feb34b"
            ),
            ("POST /flotilla/v1/authorities/password/rotate", nil, nil, "cluster store rotate-passwords"),
            ("POST /flotilla/v1/authorities/rotate", nil, nil, "cluster ca rotate"),
            ("POST /flotilla/v1/tokens", nil, nil, "token create"), ("PUT /flotilla/v1/backup", nil, nil, "restore"),
            (
                "PATCH /fleet/v1/machines", "19feb34b000000000000000000000000 role=web",
                "19feb34b000000000000000000000000 role=db", "metadata 19feb34b role=db"
            ),
            (
                "POST /flotilla/v1/peer/reboot", nil, "reboot of machine 19feb34b000000000000000000000000",
                "reboot 19feb34b, passed on"
            ),
            ("POST /flotilla/v1/peer/reboot", nil, nil, "reboot, passed on"),
            ("POST /flotilla/v1/store/adoption", nil, nil, "cluster adopt"),
            ("POST /flotilla/v1/peer/store/adoption", nil, "store 1a2b", "cluster adopt, passed on"),
            ("GET /fleet/v1/machines", nil, nil, "GET /fleet/v1/machines"), ("connect", nil, nil, "connect"),
        ] as [(String, String?, String?, String)])
    func audit(action: String, before: String?, after: String?, did: String) {
        let event = API.AuditEvent(
            time: 0, caller: "user:ada", origin: "10.0.0.9", action: action, unit: nil, before: before, after: after,
            refusal: nil)
        #expect(AuditWords.did(event) == did)
    }

    @Test("a folder, and a file that is no unit's, are told as what they are", arguments: ["submit", "load", "start"])
    func noUnits(verb: String) async throws {
        try await Fixtures.withFolder(["notes.txt": "x", "web": "x"]) { folder in
            let fleet = FakeFleet()
            let here = "\(folder) is a folder: cluster-manager apply \(folder) takes the unit files in it\n"
            let name = folder.split(separator: "/").last ?? ""
            let bare = await Session.run("\(verb) \(folder)", on: fleet)
            #expect(
                bare.errors == "cluster-manager: unit \(name).service is neither in the cluster nor in a file "
                    + "\(folder).service; \(here)")
            let slash = await Session.run("\(verb) \(folder)/", on: fleet)
            #expect(
                slash.errors
                    == "cluster-manager: '\(verb)' takes units and their files; "
                    + here.replacing(folder, with: "\(folder)/"))
            for file in ["notes.txt", "web"] {
                let session = await Session.run("\(verb) \(folder)/\(file)", on: fleet)
                #expect(session.status == .failure)
                #expect(
                    session.errors.hasSuffix(
                        "; \(folder)/\(file) is a file whose name is no unit's, which ends in a type such as .service\n"
                    ),
                    "\(session.errors)")
            }
            #expect(await fleet.requests.isEmpty)
        }
    }

    @Test(
        "how often systemd has started a unit again stands in status, in JSON, and in the listing that is asked for it")
    func automaticRestarts() async throws {
        let machine = Fixtures.machines(1)[0].id
        let unit = try Fixtures.unit("web.service", machine: machine)
        var state = Fixtures.state(unit, on: machine)
        func fleet() -> FakeFleet { FakeFleet(units: [unit], states: [state], runsUnits: false) }
        #expect(await !Session.run("status web", on: fleet()).output.contains("Restarts"))
        state.automaticRestarts = 3
        let table = await Session.run("list-units --no-legend --fields unit,restarts", on: fleet())
        #expect(table.output == "web.service  3\n")
        #expect(await !Session.run("list-units", on: fleet()).output.contains("RESTARTS"))
        let status = await Session.run("status web", on: fleet())
        #expect(status.output.contains("     Active: active (running)"))
        #expect(status.output.hasSuffix("   Restarts: 3 by systemd\n"), "\(status.output)")
        for command in ["status web", "list-units"] {
            let json = await Session.run("\(command) --output json", on: fleet()).output
            #expect(json.contains(#""restarts" : 3"#), "\(json)")
        }
    }

    @Test("unit files and folders here complete the commands that take them")
    func fileCompletion() async throws {
        try await Fixtures.withFolder(
            ["web.service": "", "notes.txt": "", "units/x": ""].filter { !$0.key.contains("/") }
        ) {
            folder in
            #expect(UnitCompletion.files("\(folder)/") == ["\(folder)/web.service"])
            #expect(UnitCompletion.files("\(folder)/n").isEmpty)
        }
    }
}
