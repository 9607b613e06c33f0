// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Testing

@Suite struct UnitSubmissionTests {
    private func refusal(_ name: String, _ text: String = "[Service]\nExecStart=/bin/true\n") throws -> String? {
        UnitSubmission.refusal(of: try UnitFile(parsing: text), as: UnitName(unchecked: name))
    }

    @Test(
        "names that a machine needs for itself are refused with what they are to it",
        arguments: [
            ("node-agent.service", "part of Flotilla"), ("flotilla-guard.service", "part of Flotilla"),
            ("flotilla-units.target", "part of Flotilla"),
            ("flotilla-guard-2.service", "part of Flotilla"), ("system.slice", "a slice"), ("-.slice", "a slice"),
            ("user-1000.slice", "a slice"), ("basic.target", "start"), ("dbus.service", "message bus"),
            ("dbus-org.freedesktop.login1.service", "message bus"), ("dbus.socket", "message bus"),
            ("systemd-journald.socket", "part of systemd"), ("systemd-fsck@dev-sda.service", "part of systemd"),
            ("initrd-switch-root.service", "start"), ("local-fs.target", "start"), ("remote-fs-pre.target", "start"),
            ("getty@tty1.service", "console"), ("getty@.service", "console"), ("user@1000.service", "logins"),
            ("rescue.service", "rescue"), ("reboot.target", "stop or rescue"), ("runlevel3.target", "start"),
            ("-.mount", "file system"), ("modprobe@loop.service", "devices"),
        ])
    func reserved(name: String, says: String) throws {
        let refusal = try #require(try refusal(name))
        #expect(refusal.contains("the name \(name) belongs to the machine"))
        #expect(refusal.contains(says))
    }

    @Test(
        "names of one's own are free",
        arguments: [
            "web.service", "celix@1.service", "my-systemd.service", "dbusdump.service", "network-probe.service",
            "mydefault.target", "etcd.service", "docker.service", "users.slice", "mnt-data.mount", "backup.timer",
            "library.mount", "library-data.mount", "var-lib-postgresql.mount", "run-user.mount", "etcd.mount",
            "srv-dev.automount", "usr-local-share.mount", "binaries.mount", "home.mount",
        ])
    func free(name: String) throws { #expect(try refusal(name) == nil) }

    @Test(
        "what would hide a folder that the machine or Flotilla needs is refused",
        arguments: [
            "run-flotilla.mount", "run-flotilla-units.automount", "var-lib-flotilla.mount", "etc-flotilla.mount",
            "run-systemd.mount", "run-systemd-system.mount", "usr-lib.mount", "usr-lib-systemd.automount",
            "lib64.mount",
            "var-lib.mount", "run.automount", "dev-shm.mount", "sys-fs-cgroup.mount", "-.mount",
            "etc-systemd-system.mount",
        ])
    func folders(name: String) throws { #expect(try #require(try refusal(name)).contains("belongs to the machine")) }

    @Test(
        "a unit that would stop what the machine needs is refused, with the line",
        arguments: [
            ("Conflicts=node-agent.service", "part of Flotilla"),
            ("Conflicts=shutdown.target flotilla-guard.service", "part of Flotilla"),
            ("PropagatesStopTo=dbus.socket", "the message bus"),
            ("Conflicts=basic.target", "a stage of the machine's start"),
            ("Conflicts=system.slice", "a slice"), ("Conflicts=-.mount", "a file system"),
            ("OnFailureJobMode=isolate", "stop every other unit"),
            ("OnFailureIsolate=yes", "stop every other unit"),
            ("Conflicts='node-agent.service'", "part of Flotilla"),
            ("Conflicts=node-%N.service", "part of Flotilla"),
        ])
    func stopping(line: String, words: String) throws {
        let file = try UnitFile(parsing: "[Unit]\nDescription=x\n\(line)\n[Service]\nExecStart=/bin/a\n")
        let refusal = try #require(UnitSubmission.refusal(of: file, as: UnitName(unchecked: "agent.service")))
        #expect(refusal.contains("line 3: ") && refusal.contains(words), "\(refusal)")
    }

    @Test(
        "a unit that ties itself to a part of Flotilla is refused, with the line and what would come of it",
        arguments: [
            ("Unit", "Before=node-agent.service", "have to wait for the unit"),
            ("Unit", "After=etcd.service node-agent.service", "have to wait for the unit"),
            ("Unit", "After=node-%p.service", "have to wait for the unit"),
            ("Unit", #"Before="flotilla-guard.service""#, "have to wait for the unit"),
            ("Unit", "Before=flotilla-units.target", "have to wait for the unit"),
            ("Unit", "PartOf=node-agent.service", "stopped or restarted"),
            ("Unit", "BindsTo=flotilla-guard.service", "stopped or restarted"),
            ("Unit", "BindTo=node-agent.service", "stopped or restarted"),
            ("Unit", "Requires=node-agent.service", "stopped or restarted"),
            ("Unit", "Requisite=node-agent.service", "stopped or restarted"),
            ("Unit", "StopPropagatedFrom=node-agent.service", "stopped or restarted"),
            ("Unit", "Wants=node-agent.service", "would start it"),
            ("Unit", "Upholds=node-agent.service", "would start it"),
            ("Unit", "OnFailure=node-agent.service", "would start it"),
            ("Unit", "OnSuccess=flotilla-guard.service", "would start it"),
            ("Unit", "PropagatesReloadTo=node-agent.service", "reload"),
            ("Timer", "Unit=node-agent.service", "would start it"),
            ("Path", "Unit=node-agent.service", "would start it"),
            ("Socket", "Service=node-%p.service", "would start it"),
            ("Install", "WantedBy=multi-user.target node-agent.service", "would start the unit"),
            ("Install", "UpheldBy=flotilla-units.target", "would start the unit"),
            ("Install", "RequiredBy=node-agent.service", "remove it"),
        ])
    func tied(section: String, line: String, words: String) throws {
        let file = try UnitFile(parsing: "[\(section)]\n\(line)\n")
        let refusal = try #require(UnitSubmission.refusal(of: file, as: UnitName(unchecked: "agent.service")))
        #expect(refusal.contains("line 2: ") && refusal.contains(words), "\(refusal)")
        #expect(refusal.contains("part of Flotilla"))
    }

    @Test(
        "a unit may tie itself to all other units, and to the agent where nothing comes of it",
        arguments: [
            "After=etcd.service fleet.service docker.service", "Before=docker.service", "Requires=docker.service",
            "BindsTo=etcd.service", "PartOf=node-agents.service", "Wants=network-online.target",
            "After=basic.target dbus.socket", "OnFailure=poweroff.target", "JoinsNamespaceOf=node-agent.service",
            "OnFailureIsolate=no", "[Install]\nRequiredBy=systemd-journald.service", "[Timer]\nUnit=web.service",
            "[Service]\nEnvironment=After=node-agent.service",
        ])
    func untied(line: String) throws {
        let file = try UnitFile(parsing: "[Unit]\n\(line)\n[Service]\nExecStart=/bin/a\n")
        #expect(UnitSubmission.refusal(of: file, as: UnitName(unchecked: "a.service")) == nil)
    }

    @Test(
        "a unit whose end would end what the machine needs is refused, with the line",
        arguments: [
            ("RequiredBy=web.service node-agent.service", "part of Flotilla"),
            ("RequiredBy=flotilla-guard.service", "part of Flotilla"),
            ("RequiredBy=sysinit.target", "a stage of the machine's start"),
            ("RequiredBy=%p.socket", "the message bus"),
        ])
    func required(line: String, words: String) throws {
        let file = try UnitFile(parsing: "[Service]\nExecStart=/bin/a\n[Install]\n\(line)\n")
        let refusal = try #require(UnitSubmission.refusal(of: file, as: UnitName(unchecked: "dbus@1.service")))
        #expect(refusal.contains("line 4: ") && refusal.contains(words), "\(refusal)")
        let wanted = try UnitFile(
            parsing: "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target\nRequiredBy=web.service\n")
        #expect(UnitSubmission.refusal(of: wanted, as: UnitName(unchecked: "a.service")) == nil)
    }

    @Test(
        "what units conflict with every day is taken",
        arguments: [
            "Conflicts=shutdown.target", "Conflicts=umount.target rescue.service", "Conflicts=getty@tty1.service",
            "Conflicts=systemd-timesyncd.service", "Conflicts=web.service", "PropagatesStopTo=side.service",
            "OnFailureJobMode=replace", "[Service]\nEnvironment=Conflicts=node-agent.service",
        ])
    func conflicting(line: String) throws {
        let file = try UnitFile(parsing: "[Unit]\n\(line)\n[Service]\nExecStart=/bin/a\n")
        #expect(UnitSubmission.refusal(of: file, as: UnitName(unchecked: "a.service")) == nil)
    }

    @Test("every pattern of the table is one, and none stands twice")
    func table() {
        let patterns = MachineUnits.rows.flatMap(\.patterns)
        #expect(patterns.allSatisfy { Glob($0).isValid })
        #expect(Set(patterns).count == patterns.count)
    }

    @Test("the page about unit files names every name that is refused")
    func documented() throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        let page = try String(contentsOfFile: "\(root)/docs/design/unit-files.md", encoding: .utf8)
        for row in MachineUnits.rows {
            let names = row.patterns.map { "`\($0)`" }.joined(separator: " ")
            #expect(page.contains("| \(row.purpose) | \(names) |"))
        }
    }

    @Test(
        "names that systemd refuses, and types that it loads from no file, are refused",
        arguments: [
            (".service", "type alone"), ("a--b.slice", "dash"), ("x.scope", "never from a file"),
            ("x.snapshot", "no snapshots"), ("x.busname", "no bus names"),
        ])
    func names(name: String, says: String) throws { #expect(try #require(try refusal(name)).contains(says)) }

    @Test(
        "settings by which Flotilla could not drive the unit are refused, with their line",
        arguments: [
            ("a.service", "[Unit]\nRefuseManualStart=yes\n", "line 2: RefuseManualStart=yes"),
            ("a.service", "[Unit]\nRefuseManualStop=no\nRefuseManualStop=1\n", "line 3: RefuseManualStop=yes"),
            ("e.socket", "[Socket]\nListenStream=7\nAccept=TRUE\n", "instance of e@.service"),
            (
                "a.service", "[Service]\nExecStart=/bin/a \\ \nUser=b\n",
                "line 2: the backslash at the end of ExecStart="
            ),
            ("a.service", "# nothing\n", "sets nothing"), ("a.service", "", "sets nothing"),
            ("a.service", "[X-Fleet]\nNope=1\n", "line 2: [X-Fleet] has no option"),
            (
                "a.service", "[Service]\nExecStart=/bin/a\n[Install]\nAlias=dbus.service\n",
                "Alias=dbus.service: the name"
            ),
            (
                "a.service", "[Service]\nExecStart=/bin/a\n[Install]\nAlias=a.socket\n",
                "Alias=a.socket: systemd gives a.service no such name, for it is of another type"
            ),
            (
                "a@.service",
                "[Service]\nExecStart=/bin/a\n[Install]\nAlias=b@.service c@%i.service %p-%i.service\n",
                "Alias=%p-%i.service: systemd gives no instance of a@.service such a name, for an alias has the unit's own instance"
            ),
            (
                "a@.service", "[Service]\nExecStart=/bin/a\n[Install]\nAlias=a.service\n",
                "Alias=a.service: systemd gives no instance of a@.service such a name"
            ),
            (
                "a@1.service", "[Service]\nExecStart=/bin/a\n[Install]\nAlias=%p-%i.service\n",
                "Alias=a-1.service: systemd gives a@1.service no such name, for an alias has the unit's own instance"
            ),
        ])
    func settings(name: String, text: String, says: String) throws {
        #expect(try #require(try refusal(name, text)).contains(says))
    }

    @Test(
        "settings that say no, or that a later one takes back, are none",
        arguments: [
            ("a.service", "[Unit]\nRefuseManualStart=yes\nRefuseManualStart=no\nRefuseManualStart=\n"),
            ("a.slice", "[Slice]\n"), ("a.target", "# all of them\n[Unit]\n"),
            ("a.service", "[Service]\nRefuseManualStart=yes\n"), ("e.socket", "[Socket]\nAccept=no\n"),
            ("a.service", "[Service]\nExecStart=/bin/a \\\n  b\\\\\n"),
        ])
    func unset(name: String, text: String) throws { #expect(try refusal(name, text) == nil) }

    @Test("problems come in the order of the file")
    func order() throws {
        let text = "[X-Fleet]\nNope=1\n[Unit]\nRefuseManualStop=yes\n[X-Fleet]\nNeither=1\n"
        let lines = UnitSubmission.problems(of: try UnitFile(parsing: text), as: UnitName(unchecked: "a.service")).map(
            \.line)
        #expect(lines == [2, 4, 6])
    }
}

@Suite struct UnitAliasTests {
    private func aliases(_ name: String, _ install: String) throws -> [String] {
        try UnitFile(parsing: "[Install]\n" + install).aliases(of: UnitName(unchecked: name)).map(\.rawValue)
    }

    @Test(
        "a unit has the aliases that systemd gives it",
        arguments: [
            ("a.service", "Alias=b.service c.service\nAlias=d.service", ["b.service", "c.service", "d.service"]),
            ("a.service", "Alias=b.service\nAlias=\nAlias=c.service", ["c.service"]),
            ("a@1.service", "Alias=b-%i.service %p.service b@2.service c@%i.service", ["c@1.service"]),
            ("a.service", "Alias=b.socket b@1.service b@.service %p-c.service", ["a-c.service"]),
            ("a@1.service", "Alias=b@.service", ["b@1.service"]), ("a@.service", "Alias=b@.service", []),
            ("a.service", "Alias=a.service %H.service b.service b.service", ["b.service"]),
            ("a.service", #"Alias="b.service" 'c'.service 'd.service"#, ["b.service", "c.service"]),
            ("a.mount", "Alias=b.mount", []), ("a.service", "WantedBy=b.target", []),
        ])
    func found(name: String, install: String, expected: [String]) throws {
        #expect(try aliases(name, install) == expected)
    }

    private func state(_ units: [(String, String)]) throws -> ClusterState {
        var state = ClusterState()
        for (name, text) in units {
            let file = try UnitFile(parsing: text)
            state.apply(.filePut(file.hash, file))
            state.apply(.unitPut(UnitRecord(name: UnitName(unchecked: name), hash: file.hash, target: .inactive)))
        }
        return state
    }

    @Test(
        "two units of the cluster never go by one name",
        arguments: [
            (
                "web.service", "[Install]\nAlias=www.service\n", "www.service", "[Unit]\nAfter=a.target\n",
                "is an alias of"
            ),
            (
                "www.service", "[Unit]\nAfter=a.target\n", "web.service", "[Install]\nAlias=www.service\n",
                "is the name of"
            ),
            ("web.service", "[Install]\nAlias=www.service\n", "w.service", "[Install]\nAlias=www.service\n", "too"),
        ])
    func clash(first: String, its: String, second: String, text: String, says: String) throws {
        let clash = try state([(first, its)]).aliasClash(
            of: UnitName(unchecked: second), with: try UnitFile(parsing: text))
        #expect(try #require(clash).contains(says))
    }

    @Test("a unit's own alias stands not in its way, nor does that of another instance")
    func noClash() throws {
        let text = "[Install]\nAlias=www@.service\n"
        let file = try UnitFile(parsing: text)
        let state = try state([("web@1.service", text)])
        func clash(_ name: String) -> String? { state.aliasClash(of: UnitName(unchecked: name), with: file) }
        #expect(clash("web@1.service") == nil)
        #expect(clash("web@2.service") == nil)
        #expect(clash("net@1.service") != nil)
    }
}
