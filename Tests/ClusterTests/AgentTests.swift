// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

extension ClusterTests {
    /// What happens to units when the agent beside them, or its way to the store, is hurt.
    @Suite("hurt agents") struct AgentTests {
        @Test(
            "an agent that is restarted, killed or crashes touches no unit and keeps its session",
            arguments: [
                "systemctl restart node-agent.service",
                "systemctl kill --signal=KILL --kill-whom=main node-agent.service",
                "systemctl kill --signal=SEGV --kill-whom=main node-agent.service",
            ])
        func restart(_ command: String) async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let machine = try #require(units["celix@1.service"]).machine
            let lease = try await cluster.lease(of: machine)
            let process = try await cluster.agentProcess(machine)
            try await cluster.inside(machine, command)
            try await until("another agent process runs") {
                let now = try await cluster.agentProcess(machine)
                return now != 0 && now != process
            }
            // It takes orders again, so it has long looked at what runs there.
            try await cluster.start("after.service", on: machine)
            #expect(try await cluster.lease(of: machine) == lease)
            try await cluster.expectUntouched(units)
            #expect(try await cluster.visibleAddresses().count == Cluster.size)
        }

        @Test("while etcd is gone for half a minute nothing stops or restarts, and afterwards all goes on")
        func etcdGone() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            try await cluster.control("etcd", "stop")
            try await cluster.expectUntouched(units, for: .seconds(30))
            try await cluster.control("etcd", "start")
            try await until("all machines are there") { try await cluster.visibleAddresses().count == Cluster.size }
            for number in 1...Cluster.size {
                try await cluster.start("after-\(number).service", on: "worker-\(number)")
            }
            try await cluster.expectUntouched(units)
        }

        @Test("a machine that is cut off has its units dead before its session ends, and returns without them")
        func cut() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let before = try #require(units["celix@2.service"])
            let mine = units.values.filter { $0.machine == before.machine }.map(\.unit).sorted()
            let id = try await cluster.machineID(before.machine)
            let ends = try await cluster.endsOfSessions(ofMachines: [id]) {
                try await cluster.control("cut", before.machine)
            }
            let end = try #require(ends[id])
            try await expectFenced(mine, on: before.machine, by: end.moment, "cut off", cluster)
            let after = try await cluster.running(units.keys.sorted())
            for unit in mine {
                let now = try #require(after[unit])
                #expect(now.machine != before.machine)
                let claim = try await cluster.claim(of: unit, on: now.machine)
                #expect(claim > end.revision, "\(unit) was taken over before the session's end")
            }
            try await cluster.expectUntouched(units, except: [before.machine])

            try await cluster.control("heal", before.machine)
            try await until("it is back") { try await cluster.visibleAddresses().count == Cluster.size }
            try await cluster.start("after.service", on: before.machine)
            try await cluster.expectUntouched(after)
        }

        @Test("a frozen agent's units are dead before its session ends; awake again it begins anew")
        func frozen() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let before = try #require(units["felix@1.service"])
            let mine = units.values.filter { $0.machine == before.machine }.map(\.unit).sorted()
            let lease = try await cluster.lease(of: before.machine)
            let id = try await cluster.machineID(before.machine)
            let agent = try await cluster.agentProcess(before.machine)
            let ends = try await cluster.endsOfSessions(ofMachines: [id]) {
                try await cluster.inside(before.machine, "kill -STOP \(agent)")
            }
            let end = try #require(ends[id]).moment
            try await expectFenced(mine, on: before.machine, by: end, "agent frozen", cluster)
            let after = try await cluster.running(units.keys.sorted())
            #expect(mine.allSatisfy { after[$0].map { $0.machine != before.machine } ?? false })
            try await cluster.expectUntouched(units, except: [before.machine])

            // systemd's watchdog may have ended the frozen process by now, which is as good.
            try await cluster.inside(before.machine, "kill -CONT \(agent) || true")
            try await until("it is back") { try await cluster.visibleAddresses().count == Cluster.size }
            try await cluster.start("after.service", on: before.machine)
            #expect(try await cluster.lease(of: before.machine) != lease)
            try await cluster.expectUntouched(after)
        }

        /// Checks that `units` died on `machine` before `end`, when others could begin to run them.
        private func expectFenced(
            _ units: [String], on machine: String, by end: Double, _ what: String, _ cluster: Cluster
        ) async throws {
            // The journal, not the unit: an agent that is back forgets units that are no longer its own.
            for unit in units {
                let lines = try await cluster.inside(
                    machine, "journalctl --boot --unit='\(unit)' --output=short-monotonic --no-pager _PID=1")
                let last = try #require(lines.last, "no word of \(unit)")
                let moment = last.drop { $0 != "[" }.dropFirst().prefix { $0 != "]" }.filter { $0 != " " }
                let died = try #require(Double(moment), "no moment: \(last)")
                report("\(what), \(unit) dead before the session's end by", end - died)
                #expect(died < end, "\(unit) outlived its machine's session: \(last)")
                let left = try await cluster.processes()[unit] ?? []
                #expect(!left.contains(machine), "\(unit) still has processes on \(machine)")
            }
        }
    }
}
