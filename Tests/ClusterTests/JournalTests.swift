// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

extension ClusterTests {
    /// What units write to the journals of their machines, asked for at one agent and read by all of theirs.
    @Suite("the journal") struct JournalTests {
        /// What these tests look at of an entry.
        private struct Entry: Decodable {
            var time: String
            var machine: String
            var unit: String
            var message: String

            enum CodingKeys: String, CodingKey {
                case time = "__REALTIME_TIMESTAMP"
                case machine = "_MACHINE_ID"
                case unit = "_SYSTEMD_UNIT"
                case message = "MESSAGE"
            }
        }

        private static let machines = ["near.service": "worker-1", "far.service": "worker-4"]

        /// Writes `count` lines, or goes on for ever.
        private static func talker(_ count: Int?) -> String {
            let end = count.map { "[ $$i -gt \($0) ] && exec sleep infinity; " } ?? ""
            let loop = "i=1; while :; do \(end)echo line $$i of %N; i=$$((i+1)); sleep 0.1; done"
            return "[Service]\nExecStart=/bin/sh -c '\(loop)'\n"
        }

        private func startTalkers(_ count: Int?, _ cluster: Cluster) async throws {
            for (unit, machine) in Self.machines.sorted(by: { $0.key < $1.key }) {
                try await cluster.start(unit, Self.talker(count), on: machine)
            }
        }

        private func entries(_ cluster: Cluster, _ words: String...) async throws -> [Entry] {
            try await cluster.manage(["journal", "--output", "json", "-n", "100"] + words)
                .map { try JSONDecoder().decode(Entry.self, from: Data($0.utf8)) }
        }

        @Test("what two machines' units wrote is merged by time, each line once")
        func merged() async throws {
            let cluster = try Cluster.shared
            try await startTalkers(5, cluster)
            let wanted = (1...5).flatMap { ["line \($0) of far", "line \($0) of near"] }
            var seen: [Entry] = []
            try await until("all has been written") {
                seen = try await entries(cluster, "near", "far.*")
                return Set(wanted).isSubset(of: seen.map(\.message))
            }
            #expect(seen.map(\.message).filter { $0.hasPrefix("line ") }.sorted() == wanted)
            #expect(seen.map { Int($0.time) ?? 0 } == seen.map { Int($0.time) ?? 0 }.sorted())
            for (unit, machine) in Self.machines {
                let id = try await cluster.machineID(machine)
                let own = seen.filter { $0.unit == unit && $0.message.hasPrefix("line ") }
                #expect(own.map(\.machine) == Array(repeating: id, count: 5))
                #expect(own.map(\.message) == (1...5).map { "line \($0) of \(unit.prefix { $0 != "." })" })
            }

            let far = try await cluster.machineID("worker-4")
            let there = try await entries(cluster, "near", "far", "--machine", String(far.prefix(8)))
            #expect(!there.isEmpty && there.allSatisfy { $0.machine == far }, "\(there)")
            let last = try await cluster.manage("journal", "--output", "cat", "-n", "1", "far")
            #expect(last == ["line 5 of far"])
            let unknown = try await cluster.manager("journal", "nowhere.service")
            #expect(unknown.status == 1 && unknown.error.contains("there is no unit nowhere.service"), "\(unknown)")
        }

        @Test("who follows is told of new lines of both machines, each once and in their order")
        func followed() async throws {
            let cluster = try Cluster.shared
            try await startTalkers(nil, cluster)
            try await until("both have begun to write") {
                let seen = try await entries(cluster, "near", "far").map(\.message)
                return ["near", "far"].allSatisfy { unit in
                    seen.contains { $0.hasPrefix("line ") && $0.hasSuffix(unit) }
                }
            }
            // head ends after its lines, and that ends who writes to it.
            let program = "\(Shell.repository)/bin/cluster-manager"
            let script = "timeout 120 \(program) journal -f -n 0 --output cat near far | head -n 40"
            let outcome = try await cluster.run("bash", ["-c", script])
            #expect(outcome.status == 0 && outcome.lines.count == 40, "\(outcome)")
            for unit in ["near", "far"] {
                let numbers = outcome.lines.filter { $0.hasSuffix(" of \(unit)") }
                    .compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
                let first = try #require(numbers.first, "nothing of \(unit): \(outcome.lines)")
                #expect(first > 1 && numbers == Array(first..<first + numbers.count), "\(numbers)")
            }
        }
    }
}
