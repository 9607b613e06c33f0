// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// What is said of units that fail and come up again, and what is never touched.
    @Suite("what comes of a unit") struct UnitOutcomeTests {
        private let home = "worker-3"

        private func give(
            _ cluster: Cluster, _ verb: String, _ name: String, _ text: String, _ more: String..., timeout: Int = 60
        ) async throws -> Shell.Outcome {
            try await cluster.withUnit(name, try await cluster.pinned(text, to: home)) { path in
                try await cluster.manager([verb, path, "--timeout", "\(timeout)"] + more)
            }
        }

        /// Starts ten units that may go anywhere, none of which is to come to `home`.
        private func takesNone(_ cluster: Cluster) async throws {
            let names = (1...10).map { "drawn@\($0).service" }
            try await cluster.give("start", names.map { Cluster.Unit($0, Cluster.sleeper) })
            let others = Set((1...Cluster.size).map { "worker-\($0)" }).subtracting([home])
            try await cluster.running(names, on: others)
        }

        @Test(
            "a service that fails and is restarted has not finished",
            arguments: [
                "Type=oneshot\nRestart=on-failure\nRestartSec=1\nExecStart=/bin/sh -c 'exit 4'",
                "Type=simple\nRestart=always\nRestartSec=1\nExecStart=/bin/sh -c 'exit 4'",
                "Type=notify\nRestart=always\nRestartSec=1\nExecStart=/bin/sh -c 'sleep 1; exit 4'",
            ])
        func restarting(service: String) async throws {
            let cluster = try Cluster.shared
            let text = "[Unit]\nStartLimitIntervalSec=0\n[Service]\n\(service)\n"
            var said = [try await give(cluster, "start", "again.service", text, timeout: 4).output]
            for verb in ["restart", "start"] {
                let outcome = try await cluster.manager(verb, "again.service", "--timeout", "4")
                said.append(outcome.output + outcome.error)
            }
            #expect(!said.contains { $0.contains("finished") }, "\(said)")
            // systemd shows it as down for an instant in each round.
            var seen: Set<String> = []
            for _ in 0..<10 {
                seen.formUnion(
                    try await cluster.manage("list-units", "--no-legend", "--fields", "unit,active").filter {
                        $0.hasPrefix("again.service")
                    })
            }
            #expect(!seen.contains { $0.hasSuffix("inactive") }, "\(seen)")
        }

        @Test("stop and start reset a start limit that was hit, as restart does")
        func startLimit() async throws {
            let cluster = try Cluster.shared
            _ = try await give(cluster, "start", "limited.service", Cluster.curable(restart: "on-failure"))
            try await until("the limit is hit") {
                try await cluster.sightings(of: ["limited.service"]).first?.active == "failed"
            }
            try await cluster.inside(home, "touch /run/cured")
            try await cluster.manage("stop", "limited.service", "--timeout", "60")
            try await cluster.manage("start", "limited.service", "--timeout", "60")
            try await cluster.running(["limited.service"], on: [home])
            try await cluster.inside(home, "rm /run/cured")
        }

        @Test("what somebody removes of a unit on its machine comes back, and the unit runs on")
        func removedFiles() async throws {
            let cluster = try Cluster.shared
            let names = ["one.service", "two.service"]
            for name in names { try await cluster.start(name, on: home) }
            let before = try await cluster.sightings(of: names).map(\.identity)
            try await cluster.inside(
                home,
                "systemctl disable --runtime one.service; rm /run/flotilla/units/two.service /run/systemd/system/two.service;"
                    + " rm -r /run/systemd/system/two.service.d; systemctl daemon-reload")
            try await until("systemd finds both again") {
                try await cluster.inside(
                    home, "systemctl show --property=LoadState,FragmentPath,DropInPaths one.service two.service || true"
                ).filter { $0 == "LoadState=loaded" || $0.contains("50-flotilla.conf") }.count == 4
            }
            #expect(try await cluster.sightings(of: names).map(\.identity) == before)
            try await cluster.manage(["restart"] + names + ["--timeout", "60"])
            try await cluster.manage(["destroy"] + names + ["--timeout", "60"])
            #expect(
                try await cluster.inside(home, "ls /run/systemd/system /run/flotilla/units").filter {
                    $0.contains("one") || $0.contains("two")
                }.isEmpty)
        }

        @Test("a state that somebody deletes in etcd is in every list again, and its unit runs on")
        func deletedState() async throws {
            let cluster = try Cluster.shared
            try await cluster.start("shown.service", on: home)
            let before = try await cluster.sightings(of: ["shown.service"]).map(\.identity)
            let claim = try await cluster.claim(of: "shown.service", on: home)
            try await cluster.deleteState(of: "shown.service", on: home)
            try await until("the unit is claimed anew") {
                try await cluster.manage("list-units", "--no-legend").contains {
                    $0.contains("shown.service") && $0.contains("active")
                }
            }
            #expect(try await cluster.claim(of: "shown.service", on: home) > claim)
            #expect(try await cluster.sightings(of: ["shown.service"]).map(\.identity) == before)
        }

        @Test(
            "a unit that has lost its file is ended before it is gone from the lists, also by an agent that never saw the file",
            arguments: ["rm /run/flotilla/units/lost.service", "rm -r /run/flotilla/units"])
        func lostFile(loss: String) async throws {
            let cluster = try Cluster.shared
            try await cluster.start("lost.service", on: home)
            let process = try await cluster.agentProcess(home)
            try await cluster.inside(home, "\(loss); systemctl kill --signal=KILL --kill-whom=main node-agent.service")
            try await cluster.manage("destroy", "lost.service", "--timeout", "60")
            #expect(
                try await cluster.inside(home, "systemctl is-active lost.service || true").first?.hasPrefix("active")
                    != true)
            try await cluster.untilAnotherAgent(home, than: process)
            try await cluster.start("lost.service", on: "worker-2")
            try await cluster.expectNothingTwice()
        }

        @Test("a replacement that systemd refuses is told at once, and what runs runs on")
        func refusedReplacement() async throws {
            let cluster = try Cluster.shared
            _ = try await give(cluster, "start", "kept.service", Cluster.sleeper)
            let before = try await cluster.running(["kept.service"], on: [home])
            let worse = "[Unit]\nRequires=absent.service\n" + Cluster.sleeper
            let refused = try await give(cluster, "start", "kept.service", worse, "--replace")
            #expect(refused.status == 1 && refused.error.contains("absent.service not found"), "\(refused)")
            try await cluster.expectUntouched(before)
            let back = try await give(cluster, "start", "kept.service", Cluster.sleeper, "--replace")
            #expect(back.status == 0, "\(back)")
            try await cluster.running(["kept.service"], on: [home])
        }

        @Test("what a machine's own drop-in keeps from being stopped says so, also when it is destroyed")
        func refusesStop() async throws {
            let cluster = try Cluster.shared
            try await cluster.start("shy.service", on: home)
            let folder = "/etc/systemd/system/shy.service.d"
            try await cluster.inside(
                home,
                "mkdir -p \(folder); printf '[Unit]\\nRefuseManualStop=yes\\n' > \(folder)/90-local.conf; systemctl daemon-reload"
            )
            for verb in ["stop", "destroy"] {
                let outcome = try await cluster.manager(verb, "shy.service", "--timeout", "4")
                #expect(outcome.status == 2 && outcome.error.contains("still on"), "\(outcome)")
                #expect(outcome.error.contains("configured to refuse manual start/stop"), "\(outcome)")
            }
            try await cluster.inside(home, "rm -r \(folder); systemctl daemon-reload")
            try await until("it is gone") {
                try await cluster.manage("list-units", "--no-legend").contains { $0.contains("shy.service") } == false
            }
        }

        @Test("what systemd cannot set up says so in systemd's own sentence, at once and in status")
        func setup() async throws {
            let cluster = try Cluster.shared
            let outcome = try await give(
                cluster, "start", "env.service", "[Service]\nEnvironmentFile=/etc/nowhere\nExecStart=/bin/sleep 1d\n")
            let sentence = "resources, Failed to load environment files: No such file or directory"
            #expect(outcome.status == 1 && outcome.error.contains(sentence), "\(outcome)")
            #expect(try await cluster.manager("status", "env.service").output.contains(sentence))
        }

        @Test("a socket whose service runs already says that, and comes when the service ends")
        func lateSocket() async throws {
            let cluster = try Cluster.shared
            try await cluster.start("echo.service", on: home)
            let socket = try await give(cluster, "start", "echo.socket", "[Socket]\nListenStream=/run/echo.sock\n")
            #expect(socket.status == 1 && socket.error.contains("echo.service runs already"), "\(socket)")
            try await cluster.manage("stop", "echo.service", "--timeout", "60")
            try await until("the socket listens") {
                try await cluster.sightings(of: ["echo.socket"]).first?.active == "active"
            }
        }

        @Test("a service and its socket are started and restarted by one command that names the service first")
        func socketAndService() async throws {
            let cluster = try Cluster.shared
            // Where the one goes the other has to be known first.
            let service = Cluster.sleeper + "[X-Fleet]\nMachineOf=pair.socket\n"
            let socket = try await cluster.pinned("[Socket]\nListenStream=/run/pair.sock\n", to: home)
            try await cluster.withUnit("pair.service", service) { first in
                try await cluster.withUnit("pair.socket", socket) { second in
                    let outcome = try await cluster.manager("start", first, second, "--timeout", "60")
                    #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome)")
                    #expect(outcome.lines.count == 2, "\(outcome)")
                }
            }
            let before = try await cluster.sightings(of: ["pair.service", "pair.socket"])
            #expect(before.map(\.active) == ["active", "active"])
            for names in [["pair.service", "pair.socket"], ["pair.socket", "pair.service"]] {
                let outcome = try await cluster.manager(["restart"] + names + ["--timeout", "60"])
                #expect(outcome.status == 0 && !outcome.error.contains("refus"), "\(outcome)")
                #expect(outcome.lines.count == 2, "\(outcome)")
                let now = try await cluster.sightings(of: ["pair.service", "pair.socket"])
                #expect(now.map(\.active) == ["active", "active"])
                #expect(Set(now.map(\.invocation)).isDisjoint(with: before.map(\.invocation)))
            }
        }

        @Test(
            "a service and its socket that both have a new file run from it after one command",
            arguments: ["start --replace", "apply"])
        func changedPair(verb: String) async throws {
            let cluster = try Cluster.shared
            func give(_ verb: String, _ number: Int) async throws {
                let service = try await cluster.pinned("[Service]\nExecStart=/usr/bin/sleep \(number)\n", to: home)
                let socket = try await cluster.pinned("[Socket]\nListenStream=/run/pair-\(number).sock\n", to: home)
                try await cluster.withUnit("pair.service", service) { first in
                    try await cluster.withUnit("pair.socket", socket) { second in
                        let words = verb.split(separator: " ").map(String.init)
                        let outcome = try await cluster.manager(words + [first, second, "--timeout", "60"])
                        #expect(outcome.status == 0 && !outcome.error.contains("refus"), "\(outcome)")
                    }
                }
            }
            try await give("start", 1_000_001)
            try await give(verb, 1_000_002)
            let states = try await cluster.sightings(of: ["pair.service", "pair.socket"]).map(\.active)
            #expect(states == ["active", "active"])
            let seen = try await cluster.inside(
                home,
                "tr '\\0' ' ' < /proc/$(systemctl show --property=MainPID --value pair.service)/cmdline; "
                    + "systemctl show --property=Listen pair.socket")
            #expect(seen.joined().contains("1000002") && seen.joined().contains("pair-1000002.sock"), "\(seen)")
        }

        @Test("a global service and its socket are started by one command on all machines", arguments: [false, true])
        func globalPair(isSocketFirst: Bool) async throws {
            let cluster = try Cluster.shared
            let names = ["wide.service", "wide.socket"]
            let texts = [Cluster.sleeper, "[Socket]\nListenStream=/run/wide.sock\n"].map {
                $0 + "[X-Fleet]\nGlobal=true\n"
            }
            try await cluster.withUnit(names[0], texts[0]) { first in
                try await cluster.withUnit(names[1], texts[1]) { second in
                    let paths = isSocketFirst ? [second, first] : [first, second]
                    let outcome = try await cluster.manager(["start"] + paths + ["--timeout", "60"])
                    #expect(outcome.status == 0 && !outcome.error.contains("refus"), "\(outcome)")
                }
            }
            func all() async throws -> [Sighting] {
                try await cluster.sightings(of: names).filter { $0.active == "active" }
            }
            try await until("both run everywhere") { try await all().count == 2 * Cluster.size }
            let before = try await all().map(\.invocation)
            let outcome = try await cluster.manager(["restart"] + names + ["--timeout", "60"])
            #expect(outcome.status == 0 && !outcome.error.contains("refus"), "\(outcome)")
            try await until("both run anew everywhere") {
                let now = try await all().map(\.invocation)
                return now.count == 2 * Cluster.size && Set(now).isDisjoint(with: before)
            }
        }

        @Test("a service and the path that starts it again at once are stopped by one command")
        func stoppedPair() async throws {
            let cluster = try Cluster.shared
            let path = try await cluster.pinned("[Path]\nPathExists=/run\n", to: home)
            try await cluster.start("kept.service", on: home)
            try await cluster.withUnit("kept.path", path) { file in
                try await cluster.manage("start", file, "--timeout", "60")
            }
            let outcome = try await cluster.manager("stop", "kept.service", "kept.path", "--timeout", "60")
            #expect(outcome.status == 0, "\(outcome)")
            let states = try await cluster.sightings(of: ["kept.service", "kept.path"]).map(\.active)
            #expect(states == ["inactive", "inactive"])
        }

        @Test("a stop of a unit that another one upholds tells of that one, and an unload ends the unit")
        func upheld() async throws {
            let cluster = try Cluster.shared
            try await cluster.start("held.service", on: home)
            try await cluster.start("main.service", "[Unit]\nUpholds=held.service\n" + Cluster.sleeper, on: home)
            let stop = try await cluster.manager("stop", "held.service", "--timeout", "60")
            #expect(stop.status == 1 && stop.error.contains("main.service (Upholds=) starts it"), "\(stop)")
            #expect(stop.output.isEmpty)
            try await cluster.manage("unload", "held.service", "--timeout", "60")
            #expect(try await cluster.processes()["held.service"] == nil)
            // What nobody upholds stays down.
            try await cluster.manage("stop", "main.service", "--timeout", "60")
            #expect(try await cluster.sightings(of: ["main.service"]).map(\.active) == ["inactive"])
        }

        @Test("a mount and a slice that the machine has without any file are not taken over, and never ended")
        func foreign() async throws {
            let cluster = try Cluster.shared
            try await cluster.inside(
                home,
                "mkdir -p /tmp/y; mount -t tmpfs none /tmp/y; touch /tmp/y/data; "
                    + "systemd-run --quiet --unit=inbar --slice=bar.slice sleep infinity")
            let mount = try await give(
                cluster, "start", "tmp-y.mount", "[Mount]\nWhat=none\nWhere=/tmp/y\nType=tmpfs\n")
            #expect(mount.status == 1 && mount.error.contains("has tmp-y.mount active of its own"), "\(mount)")
            let slice = try await give(cluster, "start", "bar.slice", "[Slice]\nCPUWeight=50\n")
            #expect(slice.status == 1 && slice.error.contains("runs inbar.service in bar.slice"), "\(slice)")
            try await cluster.manage("destroy", "tmp-y.mount", "bar.slice", "--timeout", "60")
            try await cluster.inside(home, "test -e /tmp/y/data; systemctl is-active inbar.service")
            try await cluster.inside(home, "systemctl stop inbar.service; umount /tmp/y; rmdir /tmp/y")
        }

        @Test("a machine that cannot write the guard's list says so, and is given no units")
        func guardList() async throws {
            let cluster = try Cluster.shared
            try await cluster.inside(home, "mkdir -p /run/flotilla/fenced-units.new/x")
            let refused = try await give(cluster, "start", "first.service", Cluster.sleeper)
            #expect(refused.status == 1 && refused.error.contains("fenced-units"), "\(refused)")
            try await until("the machine says so") {
                try await cluster.manager("list-machines").error.contains("the guard's list of them cannot be written")
            }
            try await takesNone(cluster)
            try await cluster.inside(home, "rm -r /run/flotilla/fenced-units.new")
            try await cluster.running(["first.service"], on: [home])
            try await until("the machine is well") { try await cluster.manager("list-machines").error.isEmpty }
        }

        @Test("a machine that cannot take units says so before it is given one, and is given none")
        func unwritable() async throws {
            let cluster = try Cluster.shared
            try await cluster.inside(
                home, "mv /run/flotilla/units.started /run/flotilla/aside; touch /run/flotilla/units.started")
            try await until("the machine says so") {
                try await cluster.manager("list-machines").error.contains(
                    "it takes no new units, since its runtime folder")
            }
            try await takesNone(cluster)
            try await cluster.inside(
                home, "rm /run/flotilla/units.started; mv /run/flotilla/aside /run/flotilla/units.started")
            try await until("the machine is well") { try await cluster.manager("list-machines").error.isEmpty }
            try await cluster.start("after.service", on: home)
        }

        @Test("a unit that another one has started from a former file runs from the new one when it is started")
        func formerFile() async throws {
            let cluster = try Cluster.shared
            func install(_ verb: String, seconds: Int) async throws {
                let outcome = try await give(
                    cluster, verb, "wanted.service", "[Service]\nExecStart=/usr/bin/sleep \(seconds)\n", "--replace")
                #expect(outcome.status == 0, "\(outcome)")
            }
            func runs() async throws -> [String] {
                try await cluster.inside(
                    home, "tr '\\0' ' ' < /proc/$(systemctl show --property=MainPID --value wanted.service)/cmdline")
            }
            try await install("load", seconds: 1_000_001)
            let wants = try await give(
                cluster, "start", "wants.service", "[Unit]\nWants=wanted.service\n\(Cluster.sleeper)")
            #expect(wants.status == 0, "\(wants)")
            try await cluster.running(["wanted.service"])
            try await install("load", seconds: 1_000_002)
            #expect(try await runs().joined().contains("1000001"))
            try await cluster.manage("start", "wanted.service", "--timeout", "60")
            #expect(try await runs().joined().contains("1000002"))
        }
    }
}
