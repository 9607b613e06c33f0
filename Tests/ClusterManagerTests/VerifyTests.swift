// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Testing

@testable import ClusterManager

@Suite("verify")
struct VerifyTests {
    @Test(
        "every problem is found, with its line",
        arguments: [
            ("[Service\nfoo\nExecStart=/bin/a\n", [1, 2]),
            ("a=1\nb=2\n[Service]\nExecStart=/bin/a\n=x\n", [1, 5]),
            ("[Service]\nExecStart=/bin/a\n[X-Fleet]\nConflict=a\nMachineID=zz\nGlobal=maybe\n", [4, 5, 6]),
            ("[Service]\nExecStart=/bin/a \\\n  b\nx\n[X-Fleet]\nMachineMetadata=a=1 b=2\n", [4, 6]),
            ("[Service]\nExecStart=/bin/a\n[X-Fleet]\nGlobal=true\nMachineOf=a.service\n", [nil]),
            ("[Unit]\nDescription=x\n[Servcie]\nType=simple\nExecStart=/bin/a\n", [4, nil]),
            ("[Servcie]\nExecStart=/bin/a\n[X-Fleet]\nConflict=a\n", [4, 2, nil]),
            ("[Service]\nExecStart=/bin/a\n[X-Mine]\na=1\n[Socket]\nListenStream=1\n[Socket]\nAccept=no\n", [6]),
            ("[Unit]\nDescription=x\n", [nil]), ("[Service]\nType=simple\n", [nil]), ("", [nil]),
            ("[Service]\nExecStart=/bin/a\n", []), ("[Service]\nType=oneshot\nExecStop=/bin/a\n", [nil]),
        ] as [(String, [Int?])])
    func problems(text: String, lines: [Int?]) {
        let found = UnitFileCheck.problems(in: text, of: UnitName(unchecked: "web.service"))
        #expect(found.map(\.line) == lines, "\(found)")
        #expect(found.allSatisfy { !$0.message.hasPrefix("line") })
    }

    @Test("units of other types need their own section", arguments: [("a.timer", 1), ("a.target", 0), ("a.slice", 0)])
    func types(name: String, count: Int) {
        let problems = UnitFileCheck.problems(in: "[Unit]\nDescription=x\n", of: UnitName(unchecked: name))
        #expect(problems.count == count)
    }

    @Test(
        "a section that systemd ignores is named with those that it knows",
        arguments: [
            (
                "a.service", "[Service]\nExecStart=/bin/a\n[Instal]\nWantedBy=x\n",
                "[Instal] of a service; it knows [Unit], [Install], [Service]"
            ),
            ("a.target", "[Target]\nx=1\n", "[Target] of a target; it knows [Unit], [Install] and those"),
        ])
    func sections(name: String, text: String, says: String) {
        let problems = UnitFileCheck.problems(in: text, of: UnitName(unchecked: name))
        #expect(problems.count == 1 && problems[0].message.contains(says), "\(problems)")
    }

    @Test(
        "what submission refuses, verify names",
        arguments: [
            ("dbus.service", Fixtures.plainText, ": the name dbus.service belongs to the machine"),
            (".service", Fixtures.plainText, ": the unit name \".service\" is a type alone"),
            ("x.scope", "[Unit]\nDescription=x\n", ": x.scope cannot be loaded: a scope is made"),
            (
                "a.service", "[Unit]\nRefuseManualStop=1\n" + Fixtures.plainText,
                ":2: RefuseManualStop=yes: systemd refuses"
            ),
            ("e.socket", "[Socket]\nListenStream=7\nAccept=yes\n", ":3: Accept=yes: for each connection"),
            ("a.service", "", ": the file sets nothing"),
            (
                "a.service", "[Service]\nExecStart=/bin/a \\ \n  b\n",
                ":3: \"b\" has no \"=\"; the backslash that ends line 2"
            ),
        ])
    func submission(name: String, text: String, says: String) async throws {
        try await Fixtures.withFolder([name: text]) { folder in
            let verify = await Session.run("verify \(folder)/\(name)")
            #expect(verify.output.contains(name + says), "\(verify.output)")
            #expect(verify.status == .failure)
            let fleet = FakeFleet()
            let submit = await Session.run("submit \(folder)/\(name)", on: fleet)
            #expect(submit.status == .failure)
            #expect(await fleet.requests.isEmpty)
        }
    }

    @Test(
        "what systemd itself refuses to load, verify names, and nothing else",
        arguments: [
            ("a.service", "ExecStart=/bin/true"), ("a.service", "ExecStart=true"), ("a.service", "ExecStart=bin/true"),
            ("a.service", "ExecStart=-bin/true\nExecStart=/bin/true\nType=oneshot"),
            ("a.service", "ExecStart=/bin/true\nExecStop=../x"), ("a.service", "ExecStart=@/bin/true x"),
            ("a.service", "ExecStart=/bin/true\nExecStart=/bin/true"),
            ("a.service", "ExecStart=/bin/true\nExecStart=\nExecStart=/bin/true"),
            ("a.service", "Type=oneshot\nExecStart=/bin/true\nExecStart=/bin/true"),
            ("a.service", "Type=dbus\nExecStart=/bin/true"), ("a.service", "BusName=a.b\nExecStart=/bin/true"),
            ("a.service", "Type=dbus\nBusName=a.b\nExecStart=/bin/true"),
            ("a.service", "Type=oneshot\nRestart=always\nExecStart=/bin/true"),
            ("a.service", "Type=oneshot\nRestart=on-failure\nExecStart=/bin/true"),
            ("a.service", "Type=oneshot\nExitType=cgroup\nExecStart=/bin/true"),
            ("a.service", "Type=forking\nExitType=cgroup\nExecStart=/bin/true"),
            ("a.service", "ExitType=cgroup\nExecStart=/bin/true"),
            ("a.service", "ExecStop=/bin/true"), ("a.service", "RemainAfterExit=yes\nExecStop=/bin/true"),
            ("a.service", "Type=simple\nRemainAfterExit=yes\nExecStop=/bin/true"),
            ("a.service", "Type=oneshot\nRemainAfterExit=yes"),
            ("a.service", "Type=odd\nRestart=odd\nExecStart=/bin/true"),
            ("a.service", "ExecReload=/bin/true\n[Unit]\nSuccessAction=exit"),
            ("a.service", "ExecReload=/bin/true\n[Unit]\nSuccessAction=none"),
            ("mnt-x.mount", "What=/dev/sda1\nWhere=/mnt/x"), ("mnt-x.mount", "What=/dev/sda1\nWhere=/mnt//x/"),
            ("mnt-x.mount", "What=/dev/sda1"), ("mnt-x.mount", "Where=/mnt/x"),
            ("mnt-x.mount", "What=/dev/sda1\nWhere=/mnt-x"), ("mnt-x.mount", "What=/dev/sda1\nWhere=%f"),
            ("mnt-a\\x2db.mount", "What=/dev/sda1\nWhere=/mnt/a-b"),
            ("mnt-x.automount", "Where=/mnt/x"), ("mnt-x.automount", "Where=/mnt/y"),
            ("mnt-x.automount", "TimeoutIdleSec=1"),
            ("dev-sdb.swap", "Priority=1"), ("dev-sdb.swap", "What=/dev/sdc"), ("dev-sdb.swap", "What=/dev/sdb"),
            ("a.service", "PAMName=x\nKillMode=none\nExecStart=/bin/true"), ("a.service", "ExecStart=-"),
            ("a.service", "Type=exec\nExecStart=/bin/true ; /bin/false"), ("a.service", "ExecStart=/bin/echo a;b"),
            ("a.service", "ExecStart=@/bin/true"), ("a.path", "PathExists=relative"),
            ("mnt-x.mount", "What=/dev/sda1\nWhere=/mnt/../mnt/x"),
            ("a.timer", "OnCalendar=daily"), ("a.timer", "Persistent=yes"), ("a.timer", "OnBootSec=1\nOnCalendar="),
            ("a.timer", "OnClockChange=yes"),
            ("a.path", "PathExists=/x"), ("a.path", "MakeDirectory=yes"), ("a.path", "PathExists=/x\nPathChanged="),
            ("a.socket", "ListenStream=77"), ("a.socket", "Backlog=3"),
            ("a.socket", "ListenStream=77\nListenDatagram="),
        ])
    func systemdAgrees(name: String, settings: String) async throws {
        let type = String(try #require(name.split(separator: ".").last))
        let text = "[\(type.prefix(1).uppercased())\(type.dropFirst())]\n\(settings)\n"
        // systemd looks for the unit that a timer, path or socket starts, and for the place of an automount.
        let others = ["a.service": Fixtures.plainText, "mnt-x.mount": "[Mount]\nWhat=/dev/sda1\nWhere=/mnt/x\n"]
        try await Fixtures.withFolder(others.merging([name: text]) { $1 }) { folder in
            let said = try await Command.run(
                ["systemd-analyze", "verify", "--man=no", "--generators=no", "\(folder)/\(name)"]
            ).errors
            let refuses = said.contains("\(name) has a bad unit file setting")
            let problems = UnitFileCheck("\(folder)/\(name)").problems
            #expect(problems.isEmpty != refuses, "systemd: \(said); verify: \(problems)")
            #expect(problems.allSatisfy { $0.message.hasSuffix(", so systemd would refuse the unit") })
        }
    }

    @Test("files and folders, a line each, status 1 when something is wrong; no cluster is asked")
    func command() async throws {
        let files = ["good.service": Fixtures.plainText, "bad.service": "[Service]\nExecStart\n", "notes.txt": "x"]
        try await Fixtures.withFolder(files) { folder in
            let captured = CapturedConsole()
            let program = Program(console: captured.console, environment: [:]) { _ in
                throw ClusterManagerError(.unreachable, "asked a cluster")
            }
            #expect(await program.run(["verify", folder]) == .failure)
            #expect(captured.output.hasPrefix("\(folder)/bad.service:2: \"ExecStart\" has no \"=\""))
            #expect(captured.output.hasSuffix("\(folder)/good.service: ok\n"))
            #expect(captured.errors == "cluster-manager: 1 problem in 1 of 2 files\n")
            let good = await Session.run("verify \(folder)/good.service --output json")
            #expect(good.status == .success && good.output.contains("\"problems\" : [\n\n"))
            let missing = await Session.run("verify \(folder)/none.service")
            #expect(missing.errors == "cluster-manager: there is no file or folder \(folder)/none.service\n")
            // What is there is checked all the same.
            let mixed = await Session.run("verify \(folder)/none.service \(folder)/good.service")
            #expect(mixed.status == .failure && mixed.output == "\(folder)/good.service: ok\n")
            #expect(mixed.errors == missing.errors)
            let both = await Session.run("verify \(folder)/none.service \(folder)/bad.service")
            #expect(both.errors == missing.errors + "cluster-manager: 1 problem in 1 of 1 files\n")
            let empty = await Session.run(["verify", ""], on: FakeFleet())
            #expect(empty.errors == "cluster-manager: the empty word names no file or folder\n")
            let name = await Session.run("verify \(folder)/notes.txt")
            #expect(name.output.contains("notes.txt: the unit name \"notes.txt\" has an unknown type"))
        }
    }

    @Test("a setting that systemd does not know is named with the one that was meant")
    func unknownSettings() {
        let settings = SystemdSettings(
            listing:
                "[Unit]\nDescription=STRING\nAfter=UNIT [...]\n\n[Service]\nExecStart=PATH [ARGUMENTS]\nType=TYPE\n")
        let text = """
            [Unit]
            Descripton=x
            X-Mine=1
            [Service]
            ExecStrat=/bin/a
            ExecStart=/bin/a
            After=b.service
            [X-Fleet]
            Global=true
            """
        let found = UnitFileCheck.problems(in: text, of: UnitName(unchecked: "a.service"), settings: settings)
        #expect(
            found.map(\.message) == [
                "systemd knows no Descripton= in [Unit], and passes it over; did you mean Description=?",
                "systemd knows no ExecStrat= in [Service], and passes it over; did you mean ExecStart=?",
                "systemd knows no After= in [Service], and passes it over",
            ])
        #expect(found.map(\.line) == [2, 5, 7])
    }

    @Test("systemd here knows every setting of the units that it came with")
    func ownUnits() throws {
        let settings = try #require(SystemdSettings.ofThisHost())
        let folder = "/lib/systemd/system"
        var count = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            guard let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8),
                let file = try? UnitFile(parsing: text)
            else { continue }
            count += 1
            #expect(settings.problems(in: file).isEmpty, "\(name): \(settings.problems(in: file))")
        }
        #expect(count > 50)
    }

    @Test("a service without a section of its own is one when its end has a purpose")
    func bareAction() throws {
        let name = UnitName(unchecked: "a.service")
        #expect(UnitLoadCheck.problems(in: try UnitFile(parsing: "[Unit]\nSuccessAction=exit\n"), of: name).isEmpty)
        #expect(!UnitLoadCheck.problems(in: try UnitFile(parsing: "[Unit]\nSuccessAction=none\n"), of: name).isEmpty)
    }
}
