// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

extension ClusterTests {
    /// Drains and moves as operations: what they come to, whoever is lost or speaks in the middle.
    @Suite("operations") struct OperationCourseTests {
        /// Ready two seconds after its start.
        private static let slow = """
            [Service]
            Type=notify
            NotifyAccess=all
            ExecStart=/bin/sh -c 'sleep 2; systemd-notify --ready; exec sleep infinity'

            """

        private struct Listed: Decodable {
            struct Step: Decodable {
                var unit: String
                var result: String?
            }
            var id: String
            var state: String
            var reason: String?
            var steps: [Step]
        }

        private func operation(_ cluster: Cluster, _ id: String) async throws -> Listed {
            let text = try await cluster.manage("operation", "show", id, "--output", "json").joined(separator: "\n")
            return try JSONDecoder().decode(Listed.self, from: Data(text.utf8))
        }

        /// Begins an operation and gives its name.
        private func begin(_ cluster: Cluster, _ words: String...) async throws -> String {
            let lines = try await cluster.manage(words + ["--no-block", "--output", "json"]).joined(separator: "\n")
            return try JSONDecoder().decode(Listed.self, from: Data(lines.utf8)).id
        }

        @Test("a drain whose leader and client are lost hands over one unit at a time, each once, and comes to its end")
        func leaderLost() async throws {
            let cluster = try Cluster.shared
            let leader = try await cluster.leader().name
            let machine = leader == "worker-2" ? "worker-3" : "worker-2"
            let names = ["slow-1.service", "slow-2.service", "slow-3.service"]
            let plain = ["plain-1.service", "plain-2.service"]
            for name in names { try await cluster.withUnit(name, Self.slow) { try await cluster.manage("submit", $0) } }
            for name in plain {
                try await cluster.withUnit(name, Cluster.sleeper) { try await cluster.manage("submit", $0) }
            }
            // What is only loaded moves at once.
            try await cluster.manage(["load"] + names + plain)
            for name in names + plain { try await cluster.manage("move", name, machine) }
            try await cluster.manage(["start"] + names + plain)
            let before = try await cluster.running(names + plain, on: [machine])
            let id = try await begin(cluster, "drain", machine)
            try await until("a slow unit is on its way") {
                try await operation(cluster, id).steps.contains { $0.unit.hasPrefix("slow") && $0.result == nil }
            }
            try await cluster.inside(leader, "systemctl kill -s KILL node-agent.service")
            // Its client was gone at once: nobody waits for it but the cluster.
            try await until("the drain ends") { try await operation(cluster, id).state != "running" }
            let end = try await operation(cluster, id)
            #expect(end.state == "done", "\(end)")
            #expect(end.steps.map(\.unit).sorted() == (names + plain).sorted(), "each once: \(end.steps)")
            let after = try await cluster.running(names + plain)
            #expect(after.values.allSatisfy { $0.machine != machine })
            // One after the other: no unit left before the one before it was up elsewhere.
            let order = end.steps.compactMap { after[$0.unit] }
            for (one, next) in zip(order, order.dropFirst()) {
                #expect(next.activeSince >= one.activeSince, "\(next.unit) was up before \(one.unit)")
            }
            #expect(before.keys.sorted() == after.keys.sorted())
            try await cluster.manage("uncordon", machine)
        }

        @Test("pause, resume, abort; stop never waits, restart of a unit on its way is refused with status 6")
        func orders() async throws {
            let cluster = try Cluster.shared
            for name in ["slow-1.service", "slow-2.service"] {
                try await cluster.withUnit(name, Self.slow) { try await cluster.manage("submit", $0) }
                try await cluster.manage("load", name)
                try await cluster.manage("move", name, "worker-2")
            }
            try await cluster.manage("start", "slow-1.service", "slow-2.service")
            let id = try await begin(cluster, "drain", "worker-2")
            try await until("the first is on its way") {
                try await operation(cluster, id).steps.contains { $0.result == nil }
            }
            let held = try await cluster.manager("restart", "slow-1.service")
            #expect(held.status == 6 && held.error.contains("operation \(id) has slow-1.service on its way"), "\(held)")
            try await cluster.manage("operation", "pause", id)
            try await until("the first has come to rest") {
                try await operation(cluster, id).steps.allSatisfy { $0.result != nil }
            }
            let watched = try await cluster.manager("operation", "watch", id)
            #expect(watched.status == 2 && watched.error.contains("is paused: paused by"), "\(watched)")
            let paused = try await operation(cluster, id)
            #expect(paused.steps.count == 1, "nothing more was begun: \(paused)")
            try await cluster.manage("operation", "resume", id)
            try await until("the second is on its way") {
                try await operation(cluster, id).steps.contains { $0.unit == "slow-2.service" && $0.result == nil }
            }
            // It takes the unit out of the operation at once.
            try await cluster.manage("stop", "slow-2.service", "--timeout", "30")
            try await cluster.manage("unload", "slow-2.service")
            try await until("the drain ends") { try await operation(cluster, id).state != "running" }
            #expect(try await operation(cluster, id).state == "done")
            try await cluster.manage("uncordon", "worker-2")
            let again = try await begin(
                cluster, "drain", try await cluster.running(["slow-1.service"])["slow-1.service"]?.machine ?? "")
            try await cluster.manage("operation", "abort", again)
            #expect(try await operation(cluster, again).state == "aborted")
            for machine in try await cluster.machines() { try await cluster.manage("uncordon", machine.name) }
        }

        @Test("a unit that fails where it went pauses the drain, and a plan says before what fits nowhere")
        func failing() async throws {
            let cluster = try Cluster.shared
            // It runs where the file is, which is one machine alone.
            try await cluster.inside("worker-2", "touch /run/only-here")
            let text = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/ls /run/only-here\n"
            try await cluster.withUnit("choosy.service", text) { try await cluster.manage("submit", $0) }
            try await cluster.manage("load", "choosy.service")
            try await cluster.manage("move", "choosy.service", "worker-2")
            try await cluster.manage("start", "choosy.service")
            let drained = try await cluster.manager("drain", "worker-2", "--timeout", "60")
            #expect(
                drained.status == 2 && drained.error.contains("is paused: choosy.service has failed on"), "\(drained)")
            try await cluster.manage("uncordon", "worker-2")
            try await cluster.manage("destroy", "choosy.service")

            try await cluster.start("pinned.service", on: "worker-3")
            let plan = try await cluster.manager("drain", "worker-3", "--dry-run")
            #expect(
                plan.status == 2 && plan.error.contains("it would pause then: pinned.service fits nowhere else"),
                "\(plan)")
            let revision = try await cluster.storeRevision()
            let moved = try await cluster.manager("move", "pinned.service")
            #expect(moved.status == 1 && moved.error.contains("pinned.service fits nowhere else"), "\(moved)")
            try await cluster.running(["pinned.service"], on: ["worker-3"])
            #expect(try await cluster.storeRevision() > revision, "what came of it is written down")
        }
    }
}
