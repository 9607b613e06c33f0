// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

extension ClusterTests {
    /// fleet's scenarios of what units there are, and what becomes of them.
    @Suite("fleet's scenarios: units") struct FleetUnitTests {
        @Test("units of every type that systemd loads from a file reach their active state; a scope is refused")
        func kinds() async throws {
            let cluster = try Cluster.shared
            let together = "\n[X-Fleet]\nMachineOf=apps.slice\n"
            let loaded = ["tick.service", "answer.service", "react.service"]
            try await cluster.give("start", [Cluster.Unit("apps.slice", "[Slice]\nMemoryMax=200M\n")])
            try await cluster.give(
                "load",
                [
                    Cluster.Unit(
                        "tick.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/touch /run/ticked\n" + together),
                    Cluster.Unit("answer.service", Cluster.sleeper + together),
                    Cluster.Unit("react.service", Cluster.sleeper + together),
                ])
            // A timer, a socket or a path whose service is not linked yet is refused by systemd.
            try await until("the three are loaded") { try await cluster.sightings(of: loaded).count == 3 }
            try await cluster.give(
                "start",
                [
                    Cluster.Unit("tick.timer", "[Timer]\nOnActiveSec=1\n" + together),
                    Cluster.Unit("answer.socket", "[Socket]\nListenStream=/run/answer.sock\n" + together),
                    Cluster.Unit("react.path", "[Path]\nPathExists=/run/ticked\n" + together),
                    Cluster.Unit(
                        "run-scratch.mount", "[Mount]\nWhat=tmpfs\nWhere=/run/scratch\nType=tmpfs\n" + together),
                    Cluster.Unit("all.target", "[Unit]\nWants=inner.service\n" + together),
                    Cluster.Unit(
                        "inner.service", "[Service]\nSlice=apps.slice\nExecStart=/usr/bin/sleep infinity\n" + together),
                ])
            let active = [
                "apps.slice", "tick.timer", "answer.socket", "react.path", "run-scratch.mount", "all.target",
                "inner.service", "react.service",
            ]
            // The timer's service makes the file that the path waits for, which starts the path's service.
            try await until("each is active on one machine") {
                let places = try await cluster.places(active)
                return places.count == active.count && Set(places.values).count == 1
            }
            let states = try await cluster.manage("list-unit-files", "--no-legend", "--fields", "unit,dstate,state")
                .map { $0.split(separator: " ").joined(separator: " ") }
            for name in loaded { #expect(states.contains("\(name) loaded loaded")) }
            try await until("the agents have told of it") {
                let rows = try await cluster.manage("list-units", "--no-legend", "--fields", "unit,load,active,sub")
                    .map { $0.split(separator: " ").joined(separator: " ") }
                return [
                    "tick.service loaded inactive dead", "react.service loaded active running",
                    "run-scratch.mount loaded active mounted",
                ].allSatisfy(rows.contains)
            }

            // What runs through its path is none of the agent's to stop, also of one that has just begun.
            let machine = try #require(try await cluster.places(["apps.slice"])["apps.slice"]?.first)
            let before = try await cluster.sightings(of: ["react.service"]).map(\.identity)
            let process = try await cluster.agentProcess(machine)
            try await cluster.inside(machine, "systemctl restart node-agent.service")
            try await cluster.untilAnotherAgent(machine, than: process)
            try await cluster.start("witness.service", on: machine)
            #expect(try await cluster.sightings(of: ["react.service"]).map(\.identity) == before)

            let refused = try await cluster.api(
                "PUT", "units/ghost.scope",
                #"{"desiredState":"launched","options":[{"section":"Scope","name":"MemoryMax","value":"1G"}]}"#)
            #expect(refused.status == 400 && refused.body.contains("never from a file"), "\(refused)")
        }

        @Test("what a path starts again and again ends with its unit, whether the path stays or goes")
        func revived() async throws {
            let cluster = try Cluster.shared
            // Without systemd's own bound nothing but the file's end stops it.
            let service = "[Unit]\nStartLimitIntervalSec=0\n" + Cluster.sleeper
            let units = [
                Cluster.Unit("ever.service", service + "[X-Fleet]\nMachineOf=ever.path\n"),
                Cluster.Unit("ever.path", "[Unit]\nStartLimitIntervalSec=0\n[Path]\nPathExists=/\n"),
            ]
            for round in 1...5 {
                try await cluster.give("load", [units[1]])
                try await cluster.give("load", [units[0]])
                try await until("the service is loaded") {
                    try await cluster.sightings(of: ["ever.service"]).count == 1
                }
                try await cluster.manage("start", "ever.path", "--timeout", "60")
                try await until("its path has started it") { try await cluster.places(["ever.service"]).count == 1 }
                if round == 1 {
                    try await cluster.manage("destroy", "ever.service", "--timeout", "60")
                    #expect(try await cluster.processes()["ever.service"] == nil)
                    try await cluster.manage("destroy", "ever.path", "--timeout", "60")
                } else {
                    try await cluster.manage("destroy", "ever.service", "ever.path", "--timeout", "60")
                }
                #expect(try await cluster.processes()["ever.service"] == nil, "round \(round)")
            }
        }

        @Test("a unit with an [Install] section follows the unit that wants it, while it is loaded")
        func install() async throws {
            let cluster = try Cluster.shared
            try await cluster.give("load", [Cluster.Unit("parent.service", Cluster.sleeper)])
            let child =
                "[Unit]\nBindsTo=parent.service\n\n\(Cluster.sleeper)\n[Install]\nWantedBy=parent.service\n"
                + "\n[X-Fleet]\nMachineOf=parent.service\n"
            try await cluster.give("load", [Cluster.Unit("child.service", child)])
            try await until("both are loaded") {
                // The agent's word, which comes after systemd has read the links.
                let rows = try await cluster.manage("list-unit-files", "--no-legend", "--fields", "unit,state")
                    .map { $0.split(separator: " ").joined(separator: " ") }
                return rows.contains("parent.service loaded") && rows.contains("child.service loaded")
            }
            try await cluster.manage("start", "parent.service", "--timeout", "60")
            let both = try await cluster.running(["parent.service", "child.service"])
            #expect(Set(both.values.map(\.machine)).count == 1)
            try await cluster.manage("stop", "parent.service", "--timeout", "60")
            try await until("both are down") {
                try await cluster.places(["parent.service", "child.service"]).isEmpty
            }
            try await cluster.manage("unload", "child.service", "--timeout", "60")
            try await cluster.manage("start", "parent.service", "--timeout", "60")
            let parent = try #require(try await cluster.running(["parent.service"])["parent.service"])
            let wants = try await cluster.inside(
                parent.machine, "systemctl show --property=Wants --value parent.service")
            #expect(wants.joined().isEmpty)
        }

        @Test("work that is done or has failed is not done again when its machine is lost, unless its unit says so")
        func runsOnce() async throws {
            let cluster = try Cluster.shared
            func job(_ name: String, _ command: String, _ option: String) -> Cluster.Unit {
                Cluster.Unit(
                    name,
                    "[Service]\nType=oneshot\nExecStart=\(command)\n\n[X-Fleet]\nMachineMetadata=pool=two\n\(option)\n")
            }
            try await cluster.withMetadata(["worker-1": ["pool": "two"]]) {
                let names = ["again.service", "bad.service", "done.service"]
                try await cluster.give(
                    "start",
                    [
                        job("again.service", "/usr/bin/touch /run/again", "RunAgain=true"),
                        job("bad.service", "/usr/bin/false", ""), job("done.service", "/usr/bin/touch /run/done", ""),
                    ])
                try await until("the results are in the store") {
                    try await cluster.storeKeys("results/").sorted() == ["bad.service", "done.service"]
                }
                try await cluster.patch("worker-2", "pool", "two")
                try await cluster.control("halt", "worker-1")
                try await cluster.inside(
                    "worker-2", "for i in {1..900}; do [[ ! -e /run/again ]] || exit 0; sleep 0.1; done; exit 1")
                func rows() async throws -> [String] {
                    try await cluster.manage("list-units", "--no-legend", "--fields", "unit,active,sub")
                        .map { $0.split(separator: " ").joined(separator: " ") }
                }
                try await until("all show what became of them") {
                    let states = try await cluster.manage("list-unit-files", "--no-legend", "--fields", "unit,state")
                        .map { $0.split(separator: " ").joined(separator: " ") }
                    let told = try await rows()
                    return states == names.map { "\($0) launched" }
                        && told == [
                            "again.service inactive dead", "bad.service failed failed", "done.service inactive dead",
                        ]
                }
                try await cluster.inside("worker-2", "test ! -e /run/done")
                let runs = try await cluster.inside(
                    "worker-2", "journalctl --no-pager --output=cat --unit=bad.service --unit=done.service")
                #expect(runs.isEmpty, "\(runs)")
                // A leader that was not there when it ended knows, too; the user can still have it done again.
                try await cluster.manage("restart", "done.service", "--timeout", "60")
                try await cluster.inside("worker-2", "test -e /run/done")
                try await cluster.manage(["destroy"] + names)
                // What a machine wrote a moment later goes with the assignment.
                try await until("the results are gone") { try await cluster.storeKeys("results/").isEmpty }
                try await cluster.control("boot", "worker-1")
            }
        }

        @Test(
            "a unit that is destroyed and made again at once is a new one: its work is done again, its process is another"
        )
        func anew() async throws {
            let cluster = try Cluster.shared
            let id = try await cluster.inside("worker-2", "cat /etc/machine-id").joined()
            let place = "\n[X-Fleet]\nMachineID=\(id)\n"
            let work = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo done >>/run/works'\n"
            let units = [
                Cluster.Unit("keep.service", Cluster.sleeper + place), Cluster.Unit("work.service", work + place),
            ]
            try await cluster.inside("worker-2", "rm -f /run/works")
            try await cluster.give("start", units)
            var former = try #require(try await cluster.running(["keep.service"])["keep.service"])
            for round in 1...5 {
                try await until("the work is done \(round) times") {
                    try await cluster.inside("worker-2", "cat /run/works").count == round
                }
                try await cluster.manage("destroy", "--no-block", "keep.service", "work.service")
                try await cluster.give("start", units)
                former = try await untilValue("another process") {
                    try await cluster.sightings(of: ["keep.service"])
                        .first { $0.active == "active" && $0.invocation != former.invocation }
                }
            }
            try await until("the work is done once more") {
                try await cluster.inside("worker-2", "cat /run/works").count == 6
            }
            try await cluster.manage("destroy", "keep.service", "work.service", "--timeout", "60")
            try await until("nothing is left of either") {
                let kinds = try await cluster.storeKeys("").map { $0.prefix { $0 != "/" } }
                return !kinds.contains("results") && !kinds.contains("schedule")
            }
        }

        @Test("a changed unit restarts where it is, moves when it no longer fits there, and no other notices")
        func change() async throws {
            let cluster = try Cluster.shared
            let names = (1...3).map { "part@\($0).service" }
            try await cluster.give("start", names.map { .sleeper($0) })
            let before = try await cluster.running(names)
            func put(_ options: String) async throws {
                let sleeper = #"{"section":"Service","name":"ExecStart","value":"/usr/bin/sleep infinity"}"#
                let answer = try await cluster.api(
                    "PUT", "units/part%401.service", #"{"desiredState":"launched","options":[\#(sleeper),\#(options)]}"#
                )
                #expect(answer.status == 201, "\(answer)")
            }
            func renewed(_ old: Sighting) async throws -> Sighting {
                try await untilValue("part@1 runs anew") {
                    try await cluster.sightings(of: ["part@1.service"])
                        .first { $0.active == "active" && $0.invocation != old.invocation }
                }
            }
            let first = try #require(before["part@1.service"])
            try await put(#"{"section":"Service","name":"Nice","value":"5"}"#)
            let second = try await renewed(first)
            #expect(second.machine == first.machine)
            let nice = try await cluster.inside(second.machine, "systemctl show --property=Nice --value part@1.service")
            #expect(nice == ["5"])
            let other = first.machine == "worker-2" ? "worker-3" : "worker-2"
            let id = try await cluster.inside(other, "cat /etc/machine-id").joined()
            try await put(#"{"section":"X-Fleet","name":"MachineID","value":"\#(id)"}"#)
            #expect(try await renewed(second).machine == other)
            try await cluster.expectUntouched(before.filter { $0.key != "part@1.service" })
        }

        @Test("a masked unit shows as masked, and holds up no unit beside it")
        func masked() async throws {
            let cluster = try Cluster.shared
            try await cluster.inside("worker-1", "ln -s /dev/null /etc/systemd/system/hidden.service")
            let id = try await cluster.inside("worker-1", "cat /etc/machine-id").joined()
            let text = "\(Cluster.sleeper)\n[Install]\nWantedBy=multi-user.target\n\n[X-Fleet]\nMachineID=\(id)\n"
            try await cluster.give("start", [Cluster.Unit("hidden.service", text), Cluster.Unit("seen.service", text)])
            try await cluster.running(["seen.service"])
            try await until("it shows as masked") {
                try await cluster.manage("list-units", "--no-legend", "--fields", "unit,load,active,sub")
                    .map { $0.split(separator: " ").joined(separator: " ") }
                    .contains("hidden.service masked inactive dead")
            }
            try await cluster.manage("destroy", "hidden.service", "seen.service", "--timeout", "60")
            try await cluster.inside("worker-1", "rm /etc/systemd/system/hidden.service; systemctl daemon-reload")
        }

        @Test("twenty instances are listed in the order of their names, and global units beside ordinary ones")
        func listing() async throws {
            let cluster = try Cluster.shared
            let names = (1...20).map { "row@\($0).service" }
            try await cluster.give("submit", [.sleeper("row@.service")])
            try await cluster.manage(["submit"] + names)
            let listed = try await cluster.manage("list-unit-files", "--no-legend", "--fields", "unit")
            #expect(listed == (names + ["row@.service"]).sorted())
            // Three copies of a global unit beside two ordinary ones; a restart keeps them.
            let pool = Dictionary(uniqueKeysWithValues: (1...3).map { ("worker-\($0)", ["pool": "three"]) })
            try await cluster.withMetadata(pool) {
                try await cluster.give(
                    "start",
                    [
                        .sleeper("plain@1.service"), .sleeper("plain@2.service"),
                        .sleeper("copies.service", "Global=true", "MachineMetadata=pool=three"),
                    ])
                func copies() async throws -> [Sighting] {
                    try await cluster.sightings(of: ["copies.service"]).filter { $0.active == "active" }
                }
                try await until("three copies run") { try await copies().count == 3 }
                try await until("both ordinary ones run beside them") {
                    try await cluster.places(["plain@1.service", "plain@2.service"]).values.map(\.count) == [1, 1]
                }
                let before = Set(try await copies().map(\.invocation))
                #expect(try await cluster.api("POST", "units/copies.service/restart").status == 204)
                try await until("three others run") {
                    let now = try await copies()
                    return now.count == 3 && before.isDisjoint(with: now.map(\.invocation))
                }
                #expect(try await !cluster.api("GET", "units/copies.service").body.contains("currentState"))
                try await cluster.manage("destroy", "copies.service")
            }
        }
    }
}
