// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// fleet's verbs, on units that real systemds run.
    @Suite("fleet's verbs") struct UnitVerbTests {
        private static let template = """
            [Unit]
            Description=Instance %i

            [Service]
            ExecStart=/usr/bin/sleep infinity

            """

        @Test("submit, load, start, restart, stop, unload and destroy take an instance of a template through its life")
        func life() async throws {
            let cluster = try Cluster.shared
            let name = "life@1.service"
            func systemd() async throws -> Sighting? { try await cluster.sightings(of: [name]).first }
            func listed() async throws -> [String] {
                try await cluster.manage("list-unit-files", "--no-legend", "--fields", "unit,dstate,state")
                    .map { $0.split(separator: " ").joined(separator: " ") }
            }
            try await cluster.withUnit("life@.service", Self.template) { path in
                let lines = try await cluster.manage("submit", path)
                #expect(lines == ["Unit life@.service inactive"])
            }
            #expect(try await listed() == ["life@.service inactive inactive"])
            let text = try await cluster.manage("cat", "life@.service")
            #expect(text.contains("Description=Instance %i"))

            try await cluster.manage("load", name, "--timeout", "60")
            let loaded = try #require(try await systemd())
            #expect(loaded.active == "inactive")
            #expect(try await listed() == ["life@.service inactive inactive", "life@1.service loaded loaded"])

            try await cluster.manage("start", name, "--timeout", "60")
            let started = try #require(try await cluster.running([name])[name])
            #expect(started.machine == loaded.machine)
            let place = try await cluster.machine(started.machine).target
            let rows = try await cluster.manage("list-units", "--no-legend")
            #expect(rows.map { $0.split(separator: " ").joined(separator: " ") } == ["\(name) \(place) active running"])
            let status = try await cluster.manage("status", name)
            let title = status.first ?? ""
            #expect(title.hasSuffix("\(name) - Instance 1"), "\(status)")
            #expect(status.joined().contains("Active: active (running)"))

            try await cluster.manage("restart", name, "--timeout", "60")
            let restarted = try #require(try await cluster.running([name])[name])
            #expect(restarted.machine == started.machine)
            #expect(restarted.invocation != started.invocation)
            let starts = try await cluster.inside(
                started.machine,
                "journalctl --sync; journalctl --boot --no-pager --output=cat --unit='\(name)' | grep -c '^Started'")
            #expect(starts == ["2"], "restarted other than once")

            try await cluster.manage("stop", name, "--timeout", "60")
            #expect(try await systemd()?.active == "inactive")
            #expect(try await cluster.processes()[name] == nil)
            try await cluster.manage("start", name, "--timeout", "60")
            try await cluster.running([name])

            try await cluster.manage("unload", name, "--timeout", "60")
            #expect(try await systemd() == nil)
            #expect(try await cluster.processes()[name] == nil)
            #expect(try await listed() == ["life@.service inactive inactive", "life@1.service inactive inactive"])

            try await cluster.manage("start", name, "--timeout", "60")
            try await cluster.manage("destroy", name, "life@.service", "--timeout", "60")
            #expect(try await cluster.processes()[name] == nil)
            #expect(try await listed().isEmpty)
            #expect(try await cluster.storeKeys("schedule/").isEmpty)
        }

        @Test("a unit that fails says so, a unit that finishes has succeeded")
        func ends() async throws {
            let cluster = try Cluster.shared
            // Of type oneshot: a simple service counts as active for the moment between its start and its end.
            let bad = "[Service]\nType=oneshot\nExecStart=/usr/bin/false\n"
            try await cluster.withUnit("failing.service", bad) { path in
                let outcome = try await cluster.manager("start", path, "--timeout", "60")
                #expect(outcome.status == 1, "\(outcome)")
                #expect(outcome.error.contains("unit failing.service failed on"), "\(outcome.error)")
            }
            let status = try await cluster.manager("status", "failing.service")
            #expect(status.status == 1)
            #expect(status.output.contains("Active: failed (failed)"), "\(status.output)")

            let text = "[Service]\nType=oneshot\nExecStart=/usr/bin/true\n"
            try await cluster.withUnit("finishing.service", text) { path in
                let lines = try await cluster.manage("start", path, "--timeout", "60")
                #expect(lines.last?.hasSuffix(", and has finished") == true, "\(lines)")
            }
            // Run to its end once, it stays so.
            try await cluster.start("witness.service", on: "worker-1")
            let all = try await cluster.sightings(of: ["finishing.service"])
            #expect(all.map(\.active) == ["inactive"])
        }

        @Test("a global unit runs once on every machine, also on one that joins later")
        func global() async throws {
            let cluster = try Cluster.shared
            let name = "everywhere.service"
            let text = Cluster.sleeper + "\n[X-Fleet]\nGlobal=true\n"
            try await cluster.withUnit(name, text) { path in try await cluster.manage("start", path) }
            func machines() async throws -> Set<String> {
                Set(try await cluster.sightings(of: [name]).filter { $0.active == "active" }.map(\.machine))
            }
            try await until("it runs everywhere") { try await machines().count == Cluster.size }
            try await cluster.control("halt", "worker-3")
            try await cluster.control("boot", "worker-3")
            try await until("it runs on the machine that came back") { try await machines().contains("worker-3") }
            try await cluster.manage("destroy", name)
            try await until("it is gone everywhere") { try await machines().isEmpty }
        }

        @Test("fleetctl's restart, as fast as a program can ask for it, restarts the unit each time")
        func fleetctlRestart() async throws {
            let cluster = try Cluster.shared
            let name = "again.service"
            try await cluster.give("start", [Cluster.Unit(name, Cluster.sleeper)])
            var last = try await cluster.running([name])[name]
            let agent = "google-api-go-client/0.5"
            func put(_ target: String) async throws {
                let answer = try await cluster.api(
                    "PUT", "units/\(name)", #"{"desiredState":"\#(target)"}"#, from: agent)
                #expect(answer.status == 204, "\(answer)")
            }
            for round in 1...10 {
                try await put("loaded")
                let seen = try await cluster.api("GET", "units/\(name)", from: agent)
                #expect(seen.body.contains(#""currentState":"launched""#), "what fleetctl waits for: \(seen)")
                try await put("launched")
                try await until("it runs as another run, round \(round)") {
                    let now = try await cluster.sightings(of: [name]).first
                    return now?.active == "active" && now?.invocation != last?.invocation
                }
                last = try await cluster.running([name])[name]
            }
        }

        @Test("units that end and begin all the time write little, and are stopped at once")
        func flapping() async throws {
            let cluster = try Cluster.shared
            let names = (1...6).map { "flap@\($0).service" }
            let text =
                "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=50ms\nExecStart=/bin/false\n"
            try await cluster.give("start", names.map { Cluster.Unit($0, text) })
            func restarts() async throws -> Int {
                try await cluster.sightings(of: names).map(\.restarts).min() ?? 0
            }
            // Each report comes later than the one before, up to 16 s.
            try await until("each has begun 120 times") { try await restarts() > 120 }
            let before = (restarts: try await restarts(), revision: try await cluster.storeRevision())
            try await until("each has begun 100 times more") { try await restarts() > before.restarts + 100 }
            let written = try await cluster.storeRevision() - before.revision
            #expect(written < 60, "600 runs wrote \(written) revisions")
            try await cluster.manage(["stop"] + names + ["--timeout", "60"])
            #expect(try await cluster.sightings(of: names).allSatisfy { $0.active != "active" })
        }

        @Test("without a change the store stays silent")
        func silence() async throws {
            let cluster = try Cluster.shared
            try await cluster.startDemonstrator()
            // Reports of the last start may still be on their way until a revision has lasted two sessions long.
            var revision = try await cluster.storeRevision()
            var since = ContinuousClock.now
            try await until("the revision lasts for 10 s", within: .seconds(60)) {
                let now = try await cluster.storeRevision()
                if now != revision { (revision, since) = (now, ContinuousClock.now) }
                return ContinuousClock.now - since > .seconds(10)
            }
        }
    }
}
