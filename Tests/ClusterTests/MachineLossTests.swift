// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

extension ClusterTests {
    /// Power cuts: what was lost runs elsewhere, and nothing else notices.
    @Suite("lost machines") struct MachineLossTests {
        /// Seconds: a session's lifetime, as the local cluster's machines have it.
        private static let ttl = 5.0
        /// Seconds beyond the promise that a loaded host may take; the figures printed are without it.
        private static let slack = 15.0

        @Test("a killed process runs again on its machine, after the time that its unit says")
        func killedProcess() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let before = try #require(units["felix@2.service"])
            let killed = monotonicNow()
            try await cluster.inside(before.machine, "kill -KILL \(before.mainProcess)")
            let after = try await untilValue("felix@2 runs again") {
                let all = try await cluster.sightings(of: ["felix@2.service"])
                #expect(all.map(\.machine) == [before.machine])
                try await cluster.expectNothingTwice()
                return all.first { $0.active == "active" && $0.mainProcess != before.mainProcess }
            }
            let took = after.activeSince - after.activeUntil
            report("killed process to running again, RestartSec=10", took)
            #expect(after.invocation != before.invocation)
            #expect(after.restarts == before.restarts + 1)
            // By the clock of the machine's own systemd.
            #expect(after.activeUntil >= killed)
            #expect(took >= 10 && took <= 12 + Self.slack)
            try await cluster.expectUntouched(units.filter { $0.key != "felix@2.service" })
        }

        @Test("a halted machine's units run elsewhere, and its return moves nothing")
        func halt() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let leader = try await cluster.leader().name
            let victim = leader == "worker-2" ? "worker-3" : "worker-2"
            try await lose([victim], of: units, cluster)
            #expect(try await cluster.leader().name == leader)
        }

        @Test("when the leader's machine is halted another leads, and its units run elsewhere")
        func haltLeader() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            try await lose([try await cluster.leader().name], of: units, cluster)
        }

        @Test("when the leader's machine and a second one are halted together, all their units run elsewhere")
        func haltTwo() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let leader = try await cluster.leader().name
            try await lose([leader, leader == "worker-4" ? "worker-5" : "worker-4"], of: units, cluster)
        }

        /// Halts machines, checks all that follows, and boots them again.
        private func lose(_ lost: [String], of units: [String: Sighting], _ cluster: Cluster) async throws {
            let machines = try await cluster.machines().filter { $0.condition == "up" }
            let survivors = Set(machines.map(\.name)).subtracting(lost)
            let moved = units.values.filter { lost.contains($0.machine) }.map(\.unit).sorted()
            try #require(!moved.isEmpty, "no unit ran on \(lost)")
            var ids: [String: String] = [:]
            for machine in lost { ids[machine] = try await cluster.machineID(machine) }
            var cut = 0.0
            let ends = try await cluster.endsOfSessions(ofMachines: ids.values.sorted()) {
                cut = monotonicNow()
                try await cluster.control(["halt"] + lost)
            }
            let after = try await cluster.running(units.keys.sorted(), on: survivors)
            let end = ends.values.map(\.moment).max() ?? 0
            let recovered = moved.compactMap { after[$0]?.activeSince }.max() ?? 0
            let what = "\(lost.count) of \(machines.count) machines lost"
            report("\(what), power cut to session's end", end - cut)
            report("\(what), session's end to all units running elsewhere", recovered - end)
            report("\(what), power cut to all units running elsewhere", recovered - cut)
            #expect(recovered - cut <= Self.ttl + 1 + Self.slack)
            for name in moved {
                // Only when its machine's session has ended may anybody else claim it, and so run it.
                let now = try #require(after[name])
                let ofItsMachine = try #require(units[name].flatMap { ids[$0.machine] }.flatMap { ends[$0] })
                let claim = try await cluster.claim(of: name, on: now.machine)
                #expect(claim > ofItsMachine.revision, "\(name) was taken over before the session's end")
            }
            try await cluster.expectUntouched(units, except: Set(lost))
            let addresses = machines.filter { survivors.contains($0.name) }.map(\.address).sorted()
            #expect(try await cluster.visibleAddresses() == addresses)
            #expect(survivors.contains(try await cluster.leader().name))

            for machine in lost { try await cluster.control("boot", machine) }
            try await until("all machines are back") { try await cluster.visibleAddresses().count == Cluster.size }
            try await cluster.expectNothingTwice()
            try await proveAlive(lost, cluster)
            try await cluster.expectUntouched(after)
        }

        /// Checks that these machines take units again, which also means that the engine has seen their return.
        private func proveAlive(_ machines: [String], _ cluster: Cluster) async throws {
            for machine in machines {
                let name = "proof-\(machine).service"
                try await cluster.start(name, on: machine)
                try await cluster.running([name], on: [machine])
            }
        }
    }
}
