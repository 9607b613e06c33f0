// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// Units that cannot be installed, started, stopped or killed as others can: each costs itself alone, and says why.
    @Suite("units that break the rules") struct UnitFaultTests {
        private let home = "worker-1"

        /// A unit file whose unit goes to `home`.
        private func pinned(_ cluster: Cluster, _ text: String) async throws -> String {
            try await cluster.pinned(text, to: home)
        }

        /// Hands a unit to a verb that waits for it.
        private func give(
            _ cluster: Cluster, _ verb: String, _ name: String, _ text: String, _ more: String...
        ) async throws -> Shell.Outcome {
            try await cluster.withUnit(name, try await pinned(cluster, text)) { path in
                try await cluster.manager([verb, path, "--timeout", "60"] + more)
            }
        }

        @Test(
            "a unit whose name the machine has of its own fails alone: the machine's unit stays as it is, also when ours is destroyed"
        )
        func namesOfTheMachine() async throws {
            let cluster = try Cluster.shared
            let own = "[Service]\\nExecStart=/usr/bin/sleep 1000000\\n"
            for path in ["/etc/systemd/system/local.service", "/run/systemd/system/plain.service"] {
                try await cluster.inside(home, "mkdir -p $(dirname \(path)); printf '\(own)' > \(path)")
            }
            try await cluster.inside(home, "systemctl daemon-reload; systemctl start local.service plain.service")
            let before = try await cluster.sightings(of: ["local.service", "plain.service"]).map(\.identity)
            try await cluster.start("witness.service", on: home)
            for (name, path) in [
                ("local.service", "/etc/systemd/system/local.service"),
                ("plain.service", "/run/systemd/system/plain.service"),
            ] {
                let outcome = try await give(cluster, "start", name, Cluster.sleeper)
                #expect(outcome.status == 1, "\(outcome)")
                #expect(outcome.error.contains("a unit \(name) of its own, \(path)"), "\(outcome.error)")
                #expect(try await cluster.inside(home, "ls /run/flotilla/units").contains(name) == false)
            }
            // What an agent finds that begins anew must not keep it from its orders.
            let process = try await cluster.agentProcess(home)
            try await cluster.inside(home, "systemctl restart node-agent.service")
            try await cluster.untilAnotherAgent(home, than: process)
            try await cluster.start("later.service", on: home)
            try await cluster.manage("destroy", "local.service", "plain.service", "--timeout", "60")
            #expect(try await cluster.sightings(of: ["local.service", "plain.service"]).map(\.identity) == before)
            try await cluster.inside(
                home,
                "systemctl stop local.service plain.service; rm /etc/systemd/system/local.service"
                    + " /run/systemd/system/plain.service; systemctl daemon-reload")
        }

        @Test("what systemd does not start is not launched, says why at once, and starts when what it lacks comes")
        func refusedStarts() async throws {
            let cluster = try Cluster.shared
            func state(_ name: String) async throws -> String {
                try await cluster.manage("list-unit-files", "--no-legend", "--fields", "unit,state")
                    .map { $0.split(separator: " ").joined(separator: " ") }.first { $0.hasPrefix(name + " ") } ?? ""
            }
            let needs = try await give(
                cluster, "start", "needs.service",
                "[Unit]\nRequires=absent.service\nAfter=absent.service\n\(Cluster.sleeper)")
            #expect(needs.status == 1 && needs.error.contains("absent.service not found"), "\(needs)")
            #expect(try await state("needs.service") == "needs.service loaded")

            let asserts = try await give(
                cluster, "start", "asserts.service", "[Unit]\nAssertPathExists=/run/comes\n\(Cluster.sleeper)")
            #expect(
                asserts.status == 1 && asserts.error.contains("AssertPathExists=/run/comes is not met"), "\(asserts)")

            let skipped = try await give(
                cluster, "start", "skipped.service", "[Unit]\nConditionPathExists=/run/never\n\(Cluster.sleeper)")
            #expect(skipped.status == 0, "\(skipped)")
            #expect(skipped.output.contains("ConditionPathExists=/run/never is not met"), "\(skipped)")

            let asks = try await give(
                cluster, "start", "asks.service", "[Service]\nExecCondition=/usr/bin/false\nExecStart=/bin/sleep 1d\n")
            #expect(asks.status == 0, "\(asks)")
            #expect(asks.output.contains("not started, since ExecCondition= is not met"), "\(asks)")

            let prepares = try await give(
                cluster, "start", "prepares.service",
                "[Service]\nExecStartPre=/bin/sh -c 'exit 4'\nExecStart=/bin/sleep 1d\n")
            #expect(
                prepares.status == 1 && prepares.error.contains("exit-code, status 4 of ExecStartPre=/bin/sh"),
                "\(prepares)")

            let fails = try await give(
                cluster, "start", "fails.service",
                "[Unit]\nRequires=broken.service\nAfter=broken.service\n\(Cluster.sleeper)")
            #expect(fails.status == 1 && fails.error.contains("broken.service not found"), "\(fails)")
            let broken = try await give(
                cluster, "start", "broken.service", "[Service]\nType=notify\nExecStart=/usr/bin/false\n")
            #expect(broken.status == 1 && broken.error.contains("exit-code, status 1"), "\(broken)")

            try await until("the unit that needs it says what is wrong with it") {
                try await cluster.manager("status", "fails.service").output
                    .contains("a dependency failed: broken.service failed (exit-code, status 1)")
            }
            let again = try await cluster.manager("start", "fails.service", "--timeout", "60")
            #expect(
                again.status == 1 && again.error.contains("broken.service failed (exit-code, status 1)"), "\(again)")

            let refuses = try await give(
                cluster, "start", "shy.timer", "[Timer]\nOnActiveSec=1h\nUnit=nowhere.service\n")
            #expect(refuses.status == 1 && refuses.error.contains("nowhere.service"), "\(refuses)")

            let bad = try await give(cluster, "start", "bad.service", "[Service]\nType=simple\n")
            #expect(bad.status == 1 && bad.error.contains("bad unit file setting"), "\(bad)")
            #expect(try await state("bad.service") == "bad.service loaded")

            try await cluster.inside(home, "touch /run/comes")
            #expect(try await give(cluster, "load", "nowhere.service", Cluster.sleeper).status == 0)
            try await until("the timer is up, since its service has come") {
                try await cluster.sightings(of: ["shy.timer"]).first?.active == "active"
            }
            #expect(try await give(cluster, "load", "absent.service", Cluster.sleeper).status == 0)
            try await cluster.running(["needs.service", "absent.service", "asserts.service"])
            #expect(try await state("needs.service") == "needs.service launched")
        }

        @Test("a start limit that was hit does not stand in the way of who starts the unit again")
        func startLimit() async throws {
            let cluster = try Cluster.shared
            let first = try await give(cluster, "start", "limited.service", Cluster.curable(restart: "always"))
            #expect(first.status == 0 || first.status == 1, "\(first)")
            try await until("the limit is hit") {
                try await cluster.sightings(of: ["limited.service"]).first?.active == "failed"
            }
            try await cluster.inside(home, "touch /run/cured")
            try await cluster.manage("restart", "limited.service", "--timeout", "60")
            let cured = try await cluster.running(["limited.service"])["limited.service"]
            try await cluster.inside(home, "systemctl kill --signal=KILL limited.service; rm /run/cured")
            // A machine tells of a unit that flaps once a second, and 'start' goes by what the cluster knows.
            try await until("it is known to have failed again") {
                let told = try await cluster.manage("list-units", "--no-legend", "--fields", "unit,active")
                let isTold = told.contains { $0.contains("limited.service") && $0.contains("failed") }
                let units = try await cluster.sightings(of: ["limited.service"])
                return isTold && units.first?.active == "failed"
            }
            try await cluster.inside(home, "touch /run/cured")
            let again = try await cluster.manage("start", "limited.service", "--timeout", "60")
            #expect(again.first?.hasPrefix("Unit limited.service launched") == true, "\(again)")
            let last = try await cluster.running(["limited.service"])["limited.service"]
            #expect(last?.invocation != cured?.invocation)
        }

        @Test("start starts what is down, whatever was asked for before; stop says why a unit that is only loaded runs")
        func whatIs() async throws {
            let cluster = try Cluster.shared
            try await cluster.start("main.service", on: home)
            #expect(
                try await give(
                    cluster, "start", "side.service",
                    "[Unit]\nBindsTo=main.service\nAfter=main.service\n\(Cluster.sleeper)"
                ).status == 0)
            try await cluster.manage("stop", "main.service", "--timeout", "60")
            try await until("side went with main") { try await cluster.places(["side.service"]).isEmpty }
            try await cluster.manage("start", "main.service", "--timeout", "60")
            let lines = try await cluster.manage("start", "side.service", "--timeout", "60")
            #expect(lines.first?.hasSuffix("has finished") == false, "\(lines)")
            try await cluster.running(["main.service", "side.service"])
            try await cluster.inside(home, "systemctl stop side.service")
            try await until("it is known to be down") {
                try await cluster.manage("list-units", "--no-legend", "--fields", "unit,active")
                    .contains { $0.split(separator: " ") == ["side.service", "inactive"] }
            }
            try await cluster.manage("start", "side.service", "--timeout", "60")
            try await cluster.running(["side.service"])

            #expect(try await give(cluster, "load", "wanted.service", Cluster.sleeper).status == 0)
            #expect(
                try await give(
                    cluster, "start", "wants.service", "[Unit]\nWants=wanted.service\n\(Cluster.sleeper)"
                ).status == 0)
            try await cluster.running(["wanted.service"])
            let stop = try await cluster.manager("stop", "wanted.service", "--timeout", "60")
            #expect(stop.status == 1 && stop.error.contains("is loaded only and runs"), "\(stop)")
        }

        @Test("[Install] sections: a unit keeps its links when another names it, and an alias is the same unit")
        func installSections() async throws {
            let cluster = try Cluster.shared
            #expect(try await give(cluster, "start", "back.service", Cluster.sleeper).status == 0)
            #expect(
                try await give(
                    cluster, "start", "front.service",
                    "\(Cluster.sleeper)\n[Install]\nWantedBy=multi-user.target\nAlso=back.service\n"
                ).status == 0)
            let links =
                "cd /run/systemd/system; ls -d back.service back.service.d multi-user.target.wants/front.service"
            #expect(try await cluster.inside(home, links).count == 3)
            let changed = try await give(
                cluster, "start", "front.service",
                "\(Cluster.sleeper)\n[Install]\nWantedBy=timers.target\nAlso=back.service\n", "--replace")
            #expect(changed.status == 0, "\(changed)")
            #expect(try await cluster.inside(home, links + " 2>/dev/null || true").count == 2)
            #expect(
                try await cluster.inside(home, "ls /run/systemd/system/timers.target.wants").contains("front.service"))
            try await cluster.manage("destroy", "front.service", "--timeout", "60")
            #expect(try await cluster.inside(home, links + " 2>/dev/null || true").count == 2)
            #expect(try await cluster.inside(home, "ls /run/systemd/system").contains("timers.target.wants") == false)
            try await cluster.manage("restart", "back.service", "--timeout", "60")

            #expect(
                try await give(
                    cluster, "start", "pgmain.service", "\(Cluster.sleeper)\n[Install]\nAlias=db.service\n"
                ).status == 0)
            #expect(
                try await give(
                    cluster, "start", "app.service",
                    "[Unit]\nRequires=db.service\nAfter=db.service\n\(Cluster.sleeper)"
                ).status == 0)
            let names = try await cluster.inside(home, "systemctl show --property=Names --value pgmain.service")
            #expect(Set(names.joined().split(separator: " ")) == ["pgmain.service", "db.service"])
            #expect(try await cluster.processes()["db.service"] == nil)
            try await cluster.manage("destroy", "app.service", "pgmain.service", "--timeout", "60")
            #expect(try await cluster.inside(home, "ls /run/systemd/system").contains("db.service") == false)
        }

        @Test(
            "the end of a unit on a machine is the end of its processes, whatever it says of killing",
            arguments: [
                "KillMode=none", "KillMode=process", "SendSIGKILL=no",
            ])
        func processesEnd(setting: String) async throws {
            let cluster = try Cluster.shared
            let name = "stubborn.service"
            let text =
                "[Service]\nTimeoutStopSec=1\n\(setting)\nExecStart=/bin/bash -c 'trap \"\" TERM; (trap \"\" TERM; exec -a child sleep infinity) & while :; do sleep 1; done'\n"
            try await cluster.give("start", [Cluster.Unit(name, text)])
            let first = try #require(try await cluster.running([name])[name]).machine
            try await cluster.control("cut", first)
            try await until("it runs elsewhere") {
                try await cluster.sightings(of: [name]).contains { $0.machine != first && $0.active == "active" }
            }
            #expect(try await cluster.processes()[name]?.contains(first) != true, "it outlived the fence")
            try await cluster.control("heal", first)
            try await until("the machine is back") { try await cluster.visibleAddresses().count == Cluster.size }

            let second = try #require(try await cluster.running([name])[name]).machine
            try await cluster.inside(second, "systemctl kill --signal=STOP node-agent.service")
            try await until("it runs on a third") {
                try await cluster.sightings(of: [name]).contains { $0.machine != second && $0.active == "active" }
            }
            #expect(try await cluster.processes()[name]?.contains(second) != true, "it outlived the guard")
            try await cluster.inside(second, "systemctl kill --signal=CONT node-agent.service")
            try await until("that machine is back") { try await cluster.visibleAddresses().count == Cluster.size }

            let third = try #require(try await cluster.running([name])[name]).machine
            let id = try await cluster.machineID(third)
            try await cluster.manage("drain", id, "--no-block")
            try await until("it has moved") {
                try await cluster.sightings(of: [name]).contains { $0.machine != third && $0.active == "active" }
            }
            #expect(try await cluster.processes()[name]?.contains(third) != true, "it outlived the move")
            try await cluster.manage("uncordon", id)
            try await cluster.manage("unload", name, "--timeout", "60")
            try await until("no process is left") { try await cluster.processes()[name] == nil }
        }

        @Test(
            "stop, restart and replacing leave no process of the former run, whatever the unit says of killing",
            arguments: ["KillMode=none", "KillMode=process", "SendSIGKILL=no", "a drop-in of the machine's own"])
        func formerRunEnds(setting: String) async throws {
            let cluster = try Cluster.shared
            let name = "lasting.service"
            let dropIns = "/run/systemd/system.control/\(name).d"
            let isDropIn = !setting.contains("=")
            let setting = isDropIn ? "" : setting
            if isDropIn {
                try await cluster.inside(
                    home, "mkdir -p \(dropIns) && printf '[Service]\nKillMode=none\n' > \(dropIns)/own.conf")
            }
            func text(_ number: Int) -> String {
                // The child outlives its parent's end and asks for no signal that could be caught.
                "[Service]\nTimeoutStopSec=1\n\(setting)\nExecStart=/bin/bash -c 'trap \"\" TERM; /bin/sleep 777\(number) & /bin/sleep 777\(number)'\n"
            }
            func sleepers() async throws -> [String] {
                try await cluster.inside(home, "pgrep -fx '/bin/sleep 777[0-9]' -a | cut -d ' ' -f 3 | sort || true")
            }
            func start(_ number: Int) async throws {
                let outcome = try await give(cluster, "start", name, text(number), "--replace")
                #expect(outcome.status == 0, "\(outcome)")
            }
            try await start(1)
            try await until("both run") { try await sleepers() == ["7771", "7771"] }
            for _ in 0..<2 {
                try await cluster.manage("restart", name)
                try await until("both run anew, and nothing else") { try await sleepers() == ["7771", "7771"] }
            }
            try await start(2)
            try await until("the new ones alone run") { try await sleepers() == ["7772", "7772"] }
            // Who stops it by hand leaves its processes to the next start.
            try await cluster.inside(home, "systemctl stop \(name)")
            try await cluster.manage("start", name)
            try await until("those of the last start alone run") { try await sleepers() == ["7772", "7772"] }
            try await cluster.manage("stop", name)
            #expect(try await sleepers().isEmpty, "stopped, and running")
            if isDropIn { try await cluster.inside(home, "rm -r \(dropIns)") }
        }

        @Test(
            "a run that fails after its start says why in status, also after the agent's restart",
            arguments: [
                ("ExecStart=/no/such/program", "status 203/EXEC"),
                ("User=stranger\nExecStart=/bin/sleep 999", "status 217/USER"),
                ("ExecStart=/bin/sh -c 'kill -SEGV $$$$'", "signal 11/SEGV"),
                ("ExecStart=/bin/sh -c 'exit 3'", "exit-code, status 3"),
                // systemd tries again for ever, so that nothing is ever at rest.
                ("Restart=always\nRestartSec=2\nStartLimitIntervalSec=0\nExecStart=/bin/false", "exit-code, status 1"),
            ])
        func failureExplained(settings: String, words: String) async throws {
            let cluster = try Cluster.shared
            let name = "failing.service"
            // systemd calls a service of this type started before its program is looked at, so 'start' may say either.
            _ = try await give(cluster, "start", name, "[Service]\n\(settings)\n")
            func reason() async throws -> String {
                try await cluster.manager("status", name).output.split(separator: "\n").first { $0.contains("Reason:") }
                    .map(String.init) ?? ""
            }
            try await until("status says why") { try await reason().contains(words) }
            try await cluster.inside(home, "systemctl restart node-agent.service")
            try await until("the agent is back and says why") { try await reason().contains(words) }
        }

        @Test("a unit that systemd lets nobody start or stop by hand is refused before anything is stored")
        func refusesHands() async throws {
            let cluster = try Cluster.shared
            for setting in ["RefuseManualStart", "RefuseManualStop"] {
                let outcome = try await give(
                    cluster, "start", "kept.service", "[Unit]\n\(setting)=yes\n\(Cluster.sleeper)")
                #expect(outcome.status == 1 && outcome.error.contains("\(setting)=yes"), "\(outcome)")
            }
            #expect(try await cluster.storeKeys("units/").isEmpty)
        }

        @Test("nothing is started before the guard's list of it is on disk")
        func guardList() async throws {
            let cluster = try Cluster.shared
            try await cluster.inside(home, "mkdir /run/flotilla/fenced-units.new")
            let outcome = try await give(cluster, "start", "guarded.service", Cluster.sleeper)
            #expect(outcome.status == 1 && outcome.error.contains("fenced-units.new"), "\(outcome)")
            #expect(try await cluster.processes()["guarded.service"] == nil)
            try await cluster.inside(home, "rmdir /run/flotilla/fenced-units.new")
            try await cluster.running(["guarded.service"])
            let list = try await cluster.inside(home, "cat /run/flotilla/fenced-units")
            #expect(list == ["guarded.service"])
        }

        @Test("a machine whose runtime folder is full says so, gets no new units, and keeps those that it has")
        func fullDisk() async throws {
            let cluster = try Cluster.shared
            try await cluster.start("witness.service", on: home)
            let before = try await cluster.sightings(of: ["witness.service"]).map(\.identity)
            try await cluster.fillRuntimeFolder(of: home)
            let outcome = try await give(cluster, "start", "pinned.service", Cluster.sleeper)
            #expect(outcome.status == 1 && outcome.error.contains("No space left"), "\(outcome)")
            try await until("the machine says so") {
                // Whether small files still fit may change from one look to the next.
                let words = try await cluster.manager("list-machines").error
                return words.contains("its runtime folder takes no files")
                    || words.contains("its runtime folder has no room for a unit file of 64 KiB")
            }
            let units = (1...10).map { Cluster.Unit("free@\($0).service", Cluster.sleeper) }
            try await cluster.give("start", units)
            let places = try await cluster.running(units.map(\.name))
            #expect(places.values.allSatisfy { $0.machine != home }, "\(places.values.map(\.machine))")
            try await cluster.give(
                "start", [Cluster.Unit("waiting.service", try await pinned(cluster, Cluster.sleeper))])
            // Each comes back, and says that it is ready, while the folder is full.
            for command in ["kill --signal=KILL --kill-whom=main", "restart"] {
                let process = try await cluster.agentProcess(home)
                try await cluster.inside(home, "systemctl \(command) node-agent.service")
                try await cluster.untilAnotherAgent(home, than: process)
                try await until("the agent is ready") {
                    try await cluster.inside(home, "systemctl is-active node-agent.service || true") == ["active"]
                }
            }
            #expect(try await cluster.sightings(of: ["witness.service"]).map(\.identity) == before)
            // Its first word to the cluster was that it takes none.
            let orders = try await cluster.storeKeys("schedule/\(try await cluster.machineID(home))/")
            #expect(!orders.contains("waiting.service"), "\(orders)")
            try await cluster.emptyRuntimeFolder(of: home)
            try await cluster.running(["pinned.service", "waiting.service"], on: [home])
            #expect(try await cluster.sightings(of: ["witness.service"]).map(\.identity) == before)
            try await until("all is well again") {
                try await cluster.manager("list-machines").error.contains("runtime folder") == false
            }
        }

        @Test("a drain takes the next unit when systemd says that the one before is ready elsewhere")
        func drainOneByOne() async throws {
            let cluster = try Cluster.shared
            let names = (1...3).map { "slow@\($0).service" }
            try await cluster.withMetadata([home: ["pool": "slow"], "worker-2": ["pool": "slow"]]) {
                try await cluster.manage("cordon", try await cluster.machineID("worker-2"))
                try await cluster.give(
                    "start",
                    names.map { Cluster.Unit($0, Cluster.slowStarter + "[X-Fleet]\nMachineMetadata=pool=slow\n") })
                try await cluster.running(names, on: [home])
                try await cluster.manage("uncordon", try await cluster.machineID("worker-2"))
                try await cluster.manage("drain", try await cluster.machineID(home))
                // The command has waited for the last one, too.
                let all = try await cluster.sightings(of: names)
                #expect(
                    all.map(\.machine) == ["worker-2", "worker-2", "worker-2"]
                        && all.allSatisfy { $0.active == "active" }, "\(all)")
                let there = try await cluster.running(names, on: ["worker-2"])
                let gone = try await cluster.sightings(of: names).filter { $0.machine == home }
                #expect(gone.isEmpty, "their files are left there")
                // Each became ready before the next one was even started.
                let ready = there.values.map(\.activeSince).sorted()
                for (one, next) in zip(ready, ready.dropFirst()) { #expect(next - one > 1.9, "\(ready)") }
            }
            try await cluster.manage("uncordon", try await cluster.machineID(home))
        }
    }
}
