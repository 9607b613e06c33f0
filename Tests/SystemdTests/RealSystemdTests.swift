// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Systemd
import TestSupport
import Testing

/// Unit files that tests put into machines.
enum SampleUnit {
    static let sleeper = """
        [Service]
        ExecStart=/bin/sleep infinity
        """
    /// Ignores SIGTERM, comes back whenever it ends, and may take a minute to stop.
    static let stubborn = """
        [Service]
        ExecStart=/bin/sh -c 'trap "" TERM; while :; do sleep 1; done'
        Restart=always
        RestartSec=0
        TimeoutStopSec=60
        """
    static let failing = """
        [Service]
        Type=oneshot
        ExecStart=/bin/sh -c 'exit 7'
        """
    static let oneshot = """
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/true
        """
    static let endless = """
        [Service]
        Type=oneshot
        ExecStart=/bin/sleep infinity
        """
    static let template = """
        [Unit]
        Description=instance %i

        [Service]
        ExecStart=/bin/sleep infinity
        """
    static let withoutCommand = """
        [Service]
        Type=simple
        """
    static let needsFailing = """
        [Unit]
        Requires=failing.service
        After=failing.service

        [Service]
        ExecStart=/bin/sleep infinity
        """
}

extension StartReport {
    fileprivate static func failed(_ result: String, _ status: Int32, _ command: String?) -> StartReport {
        StartReport(result: result, exit: Exit(isSignal: false, status: status, command: command))
    }
}

/// The real thing; needs root and systemd-nspawn, and fails with words when they are missing.
@Suite("Real systemd", .serialized, .timeLimit(.minutes(3)))
struct RealSystemdTests {
    private static let folder = "/run/systemd/system/"

    @Test("a unit goes through its life over either way to systemd", arguments: [true, false])
    func life(isDirect: Bool) async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(isDirect ? machine.direct : machine.brokered)
            let file = "/run/flotilla/units/web.service"
            try machine.write(SampleUnit.sleeper, to: file)
            let link = UnitFileChange(type: "symlink", path: Self.folder + "web.service", target: file)
            #expect(try await manager.linkUnitFiles([file], runtime: true, force: false) == [link])
            #expect(try await manager.watch(["web.service"]).map(\.load) == ["loaded"])
            let changes = await manager.changes()

            #expect(try await manager.startUnit("web.service") == .done)
            let first = try await manager.properties(of: "web.service")
            #expect(first.mainPID != nil && first.activeEnter != nil && first.inactiveExit != nil)
            #expect(first.stateChange != nil && first.invocationID?.count == 32 && first.result == "success")
            #expect(first.fragmentPath == Self.folder + "web.service" && !first.needDaemonReload)
            #expect(first.controlGroup == "/system.slice/web.service")

            #expect(try await manager.restartUnit("web.service") == .done)
            let second = try await manager.properties(of: "web.service")
            #expect(second.mainPID != first.mainPID && second.invocationID != first.invocationID)
            #expect(try await manager.reloadOrRestart("web.service") == .done)

            try await manager.killUnit("web.service", who: .main, signal: 9)
            var states: [String] = []
            for await change in changes {
                guard case .unitChanged(let status) = change else { continue }
                if status.active != states.last { states.append(status.active) }
                if status.active == "failed" { break }
            }
            #expect(states.first == "inactive" || states.first == "active")
            #expect(states.contains("active") && states.last == "failed")
            let killed = try await manager.properties(of: "web.service")
            #expect(killed.result == "signal" && killed.execMainStatus == 9 && killed.mainPID == nil)
            try await manager.resetFailedUnit("web.service")
            #expect(try await manager.listUnits(names: ["web.service"]).map(\.active) == ["inactive"])

            #expect(try await manager.startUnit("web.service") == .done)
            #expect(try await manager.listUnits(patterns: ["web*"]).map(\.sub) == ["running"])
            #expect(try await manager.stopUnit("web.service") == .done)
        }
    }

    @Test("every way for a job not to succeed has its own word")
    func refusals() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.direct)
            let files = [
                ("failing.service", SampleUnit.failing), ("empty.service", SampleUnit.withoutCommand),
                ("needs.service", SampleUnit.needsFailing), ("endless.service", SampleUnit.endless),
                ("oneshot.service", SampleUnit.oneshot), ("pair@.service", SampleUnit.template),
            ]
            for (name, text) in files { try machine.write(text, to: Self.folder + name) }
            try await machine.run("ln", "-s", "/dev/null", Self.folder + "masked.service")

            for (name, line) in [
                ("skipped.service", "ConditionPathExists=/absent"), ("asserting.service", "AssertPathExists=!/usr"),
            ] {
                try machine.write("[Unit]\n\(line)\n\(SampleUnit.oneshot)", to: Self.folder + name)
            }
            #expect(try await manager.startUnit("skipped.service") == .done)
            #expect(
                try await manager.startReport(of: "skipped.service", after: .done).conditions
                    == ["ConditionPathExists=/absent"])
            #expect(try await manager.startUnit("asserting.service") == .assert)
            #expect(
                try await manager.startReport(of: "asserting.service", after: .assert).asserts
                    == ["AssertPathExists=!/usr"])

            #expect(try await manager.startUnit("failing.service") == .failed)
            #expect(
                try await manager.startReport(of: "failing.service", after: .failed)
                    == StartReport(result: "exit-code", exit: StartReport.Exit(isSignal: false, status: 7)))
            let failed = try await manager.properties(of: "failing.service")
            #expect(failed.result == "exit-code" && failed.execMainStatus == 7)
            #expect(try await manager.startUnit("needs.service") == .dependency)
            #expect(try await manager.startUnit("oneshot.service") == .done)
            #expect(try await manager.listUnits(names: ["oneshot.service"]).map(\.sub) == ["exited"])

            let start = try await manager.queue(.start, "endless.service", mode: .replace)
            #expect(try await manager.stopUnit("endless.service") == .done)
            #expect(try await start.result() == .canceled)

            #expect(try await manager.startUnit("pair@1.service") == .done)
            #expect(try await manager.listUnits(names: ["pair@1.service"]).map(\.description) == ["instance 1"])

            let wanted: [(String, SystemdError.Code)] = [
                ("absent.service", .noSuchUnit), ("masked.service", .masked), ("empty.service", .badUnitSetting),
                ("no name", .invalidArgument), ("pair@.service", .invalidArgument),
            ]
            for (name, code) in wanted {
                let error = await #expect(throws: SystemdError.self) { try await manager.startUnit(name) }
                #expect(error?.code == code, "\(name): \(error?.busName ?? "") \(error?.message ?? "")")
                #expect(error?.isTransient == false)
            }
            let error = await #expect(throws: SystemdError.self) {
                try await manager.linkUnitFiles(["/run/absent.service"], runtime: true, force: false)
            }
            #expect(error?.code == .noSuchUnit)
        }
    }

    @Test("which command beside the main process failed is told, also of a run that systemd forgets at once")
    func commands() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.direct)
            let sleeps = "ExecStart=/bin/sleep infinity"
            let units: [(name: String, text: String, end: JobResult, report: StartReport)] = [
                (
                    "before.service",
                    "[Service]\nExecStartPre=-/bin/false\nExecStartPre=/bin/sh -c 'exit 4'\n\(sleeps)", .failed,
                    .failed("exit-code", 4, "ExecStartPre=/bin/sh")
                ),
                (
                    "after.service", "[Service]\nExecStartPost=/absent\n\(sleeps)", .failed,
                    .failed("exit-code", 203, "ExecStartPost=/absent")
                ),
                (
                    "first.service",
                    "[Service]\nType=notify\nNotifyAccess=all\nTimeoutStartSec=2s\nExecStartPost=/bin/sleep infinity\nExecStart=/bin/sh -c 'systemd-notify --ready; sleep 1; exit 5'",
                    .failed,
                    .failed("exit-code", 5, nil)
                ),
                (
                    "disk.mount", "[Mount]\nWhat=/absent\nWhere=/disk", .failed,
                    .failed("exit-code", 32, "ExecMount=/bin/mount")
                ),
                (
                    "gone.service",
                    "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'",
                    .failed, .failed("exit-code", 7, nil)
                ),
                (
                    "asks.service", "[Service]\nExecCondition=/bin/false\n\(sleeps)", .done,
                    StartReport(result: StartReport.unmetCommand)
                ),
                (
                    "errs.service", "[Service]\nExecCondition=/bin/sh -c 'exit 255'\n\(sleeps)", .failed,
                    .failed("exit-code", 255, "ExecCondition=/bin/sh")
                ),
            ]
            for (name, text, end, report) in units {
                try machine.write(text + "\n", to: Self.folder + name)
                _ = try await manager.watch([name])
                #expect(try await manager.startUnit(name) == end, "\(name)")
                var told = try await manager.startReport(of: name, after: end)
                // systemd gives mounts conditions of its own.
                told.conditions = []
                #expect(told == report, "\(name)")
            }
            // The end of an earlier run is no word on the next one.
            try machine.write("[Service]\nType=oneshot\nExecStart=/bin/true\n", to: Self.folder + "asks.service")
            try await manager.reload()
            #expect(try await manager.startUnit("asks.service") == .done)
            #expect(try await manager.startReport(of: "asks.service", after: .done).result == "success")
        }
    }

    @Test("a start that failed tells of its own run, though systemd has begun the next one")
    func nextRun() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.direct)
            let run = "test -e /run/begun || { touch /run/begun; exit 3; }; exec sleep infinity"
            try machine.write(
                "[Service]\nType=notify\nRestart=on-failure\nRestartSec=0\nExecStart=/bin/sh -c '\(run)'\n",
                to: Self.folder + "again.service")
            _ = try await manager.watch(["again.service"])
            #expect(try await manager.startUnit("again.service") == .failed)
            var next: UnitProperties
            repeat { next = try await manager.properties(of: "again.service") } while next.mainPID == nil
            #expect(next.result == "success")
            #expect(
                try await manager.startReport(of: "again.service", after: .failed)
                    == StartReport(result: "exit-code", exit: StartReport.Exit(isSignal: false, status: 3)))
        }
    }

    @Test("a start that ends with 'dependency' names the units at fault, and no other one")
    func dependencies() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.direct)
            func unit(_ name: String, _ settings: String, _ service: String = SampleUnit.oneshot) throws {
                try machine.write("[Unit]\n\(settings)\n\n\(service)", to: Self.folder + name)
            }
            /// Settings by which one unit needs others, and comes after them.
            func needs(_ setting: String, _ names: String) -> String { "\(setting)=\(names)\nAfter=\(names)" }
            let restarting =
                "[Service]\nType=oneshot\nRestart=on-failure\nRestartSec=1h\nExecStart=/bin/sh -c 'kill -9 $$$$'"
            let absent = "[Service]\nType=exec\nExecStart=/absent"
            try unit("failing.service", "", SampleUnit.failing)
            try unit("absent.service", "", absent)
            try unit("restarting.service", "", restarting)
            try unit("asserting.service", "AssertPathExists=/absent")
            try unit("skipped.service", "ConditionPathExists=/absent")
            try unit("fine.service", "", "[Service]\nType=oneshot\nExecStart=/bin/true")
            try unit("down.service", "")
            try unit("middle.service", needs("Requires", "down.service failing.service"))
            try unit("one.service", needs("Requires", "fine.service failing.service"))
            try unit("other.service", needs("Requires", "absent.service"))
            try unit("two.service", needs("Requisite", "fine.service down.service"))
            try unit("chain.service", needs("BindsTo", "middle.service"))
            try unit("again.service", needs("Requires", "restarting.service"))
            try unit("wishes.service", needs("Requisite", "down.service"))
            try unit("asserts.service", needs("Requires", "asserting.service"))
            try unit("bound.service", needs("BindsTo", "skipped.service"))
            let failing = DependencyFault(
                name: "failing.service", dependent: "one.service", active: "failed", result: "exit-code",
                exit: StartReport.Exit(isSignal: false, status: 7))
            var gone = failing
            gone.name = "absent.service"
            gone.dependent = "other.service"
            gone.exit?.status = 203
            var further = failing
            further.dependent = "middle.service"
            var again = DependencyFault(name: "restarting.service", dependent: "again.service", active: "activating")
            again.result = "signal"
            again.exit = StartReport.Exit(isSignal: true, status: 9)
            let wanted: [(String, [DependencyFault])] = [
                ("one.service", [failing]),
                ("other.service", [gone]),
                (
                    "two.service",
                    ["down.service", "fine.service"].map {
                        DependencyFault(name: $0, setting: "Requisite", dependent: "two.service")
                    }
                ),
                ("chain.service", [further]),
                ("again.service", [again]),
                (
                    "wishes.service",
                    [DependencyFault(name: "down.service", setting: "Requisite", dependent: "wishes.service")]
                ),
                (
                    "asserts.service",
                    [
                        DependencyFault(
                            name: "asserting.service", dependent: "asserts.service",
                            checks: ["AssertPathExists=/absent"])
                    ]
                ),
                (
                    "bound.service",
                    [
                        DependencyFault(
                            name: "skipped.service", setting: "BindsTo", dependent: "bound.service",
                            checks: ["ConditionPathExists=/absent"])
                    ]
                ),
            ]
            for (name, faults) in wanted {
                // What stands in the way of one start must not be left over from another.
                try await machine.run("systemctl", "stop", "*ing.service", "down.service")
                #expect(try await manager.startUnit(name) == .dependency, "\(name)")
                #expect(try await manager.startReport(of: name, after: .dependency).dependencies == faults, "\(name)")
            }
        }
    }

    @Test("a new file is seen without a reload, a changed one only after it")
    func reloadNeeds() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.direct)
            // Loaded as not found first, and held in memory by a unit that names it.
            try machine.write("[Unit]\nAfter=late.service\n\n" + SampleUnit.sleeper, to: Self.folder + "holder.service")
            #expect(try await manager.startUnit("holder.service") == .done)
            #expect(try await manager.watch(["late.service"]).map(\.load) == ["not-found"])
            try machine.write(SampleUnit.sleeper, to: Self.folder + "late.service")
            let changes = await manager.changes()
            #expect(try await manager.startUnit("late.service") == .done)
            for await change in changes {
                guard case .unitChanged(let status) = change, status.active == "active" else { continue }
                #expect(status.load == "loaded")
                break
            }

            try machine.write(SampleUnit.sleeper + "\nNice=5\n", to: Self.folder + "late.service")
            #expect(try await manager.properties(of: "late.service").needDaemonReload)
            try await manager.reload()
            #expect(try await !manager.properties(of: "late.service").needDaemonReload)
        }
    }

    @Test("changes go on being told after systemd has replaced itself", arguments: [true, false])
    func reexec(isDirect: Bool) async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(isDirect ? machine.direct : machine.brokered)
            try machine.write(SampleUnit.sleeper, to: Self.folder + "web.service")
            _ = try await manager.watch(["web.service"])
            #expect(try await manager.startUnit("web.service") == .done)
            let changes = await manager.changes()
            // systemctl waits until systemd has closed the connection, which it does at the very end.
            try await machine.run("systemctl", "daemon-reexec")
            var seen: [String] = []
            for await change in changes {
                switch change {
                case .disconnected(let error):
                    #expect(error.isTransient)
                    seen.append("disconnected")
                case .reconnected:
                    seen.append("reconnected")
                    #expect(try await manager.stopUnit("web.service") == .done)
                case .unitChanged(let status) where status.active == "inactive": seen.append("inactive")
                case .unitChanged, .jobRemoved, .reloading: continue
                }
                if seen.last == "inactive" { break }
            }
            #expect(seen == ["disconnected", "reconnected", "inactive"])
        }
    }

    @Test("more calls and watches than a broker allows at once go through all the same")
    func brokerLimits() async throws {
        try await NspawnMachine.with { machine in
            let manager = try await machine.manager(machine.brokered)
            for number in 0..<600 { try machine.write(SampleUnit.oneshot, to: Self.folder + "u\(number).service") }
            let names = (0..<600).map { "u\($0).service" }
            #expect(try await manager.watch(names).count == names.count)
            let changes = await manager.changes()
            try await withThrowingTaskGroup(of: JobResult.self) { group in
                for name in names { group.addTask { try await manager.startUnit(name) } }
                for try await result in group { #expect(result == .done) }
            }
            var active: Set<String> = []
            for await change in changes {
                if case .unitChanged(let status) = change, status.active == "active" { active.insert(status.name) }
                if active.count == names.count { break }
            }
            await manager.unwatch(Array(names.dropFirst(10)))
            let rest = await manager.changes()
            #expect(try await manager.stopUnit("u500.service") == .done)
            #expect(try await manager.stopUnit("u5.service") == .done)
            let watched = Set(names.prefix(10))
            for await change in rest {
                guard case .unitChanged(let status) = change else { continue }
                // Of those still watched, the end of the start's job may be told only now.
                #expect(watched.contains(status.name))
                if status.name == "u5.service", status.active == "inactive" { break }
            }
        }
    }

    @Test("a user's manager answers as the machine's does")
    func userManager() async throws {
        try await NspawnMachine.with { machine in
            // user@.service wants PAM, for which the machine's empty /etc has no files.
            let output = try await machine.run(
                "systemd-run", "--quiet", "--property=Delegate=yes", "--property=Type=notify",
                "--property=NotifyAccess=all", "--property=RuntimeDirectory=user/0",
                "--setenv=XDG_RUNTIME_DIR=/run/user/0", "--setenv=HOME=/root", "/lib/systemd/systemd", "--user")
            #expect(output.status == 0, "\(output.text)")
            let manager = try await machine.manager(machine.user(runtime: "/run/user/0"))
            try machine.write(SampleUnit.sleeper, to: "/run/user/0/systemd/user/web.service")
            #expect(try await manager.startUnit("web.service") == .done)
            #expect(try await manager.listUnits(names: ["web.service"]).map(\.sub) == ["running"])
            #expect(try await manager.properties(of: "web.service").fragmentPath?.hasPrefix("/run/user/0/") == true)
            #expect(try await manager.stopUnit("web.service") == .done)
        }
    }
}
