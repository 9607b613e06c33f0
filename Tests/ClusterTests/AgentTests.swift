// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
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
            try await cluster.untilAnotherAgent(machine, than: process)
            // It takes orders again, so it has long looked at what runs there.
            try await cluster.start("after.service", on: machine)
            #expect(try await cluster.lease(of: machine) == lease)
            try await cluster.expectUntouched(units)
            #expect(try await cluster.visibleAddresses().count == Cluster.size)
        }

        @Test("an agent that dies while a unit takes its time to stop is back at once, and no other unit notices")
        func slowStop() async throws {
            let cluster = try Cluster.shared
            let home = "worker-3"
            let stubborn =
                "[Service]\nTimeoutStopSec=45\nExecStart=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\n"
            try await cluster.give(
                "start",
                [
                    Cluster.Unit("slow.service", try await cluster.pinned(stubborn, to: home)),
                    Cluster.Unit("by.service", try await cluster.pinned(Cluster.sleeper, to: home)),
                ])
            let units = try await cluster.running(["slow.service", "by.service"])
            let lease = try await cluster.lease(of: home)
            try await cluster.manage("stop", "--no-block", "slow.service")
            try await until("it is stopping") {
                try await cluster.sightings(of: ["slow.service"]).first?.active == "deactivating"
            }
            let process = try await cluster.agentProcess(home)
            try await cluster.inside(home, "systemctl kill --signal=KILL --kill-whom=main node-agent.service")
            try await cluster.untilAnotherAgent(home, than: process)
            try await cluster.start("after.service", on: home)
            #expect(try await cluster.lease(of: home) == lease)
            let by = try #require(units["by.service"])
            #expect(try await cluster.sightings(of: ["by.service"]).map(\.identity) == [by.identity])
            try await cluster.inside(home, "systemctl kill --signal=KILL slow.service")
        }

        @Test("an agent that is restarted waits for no client, and no unit notices")
        func silentClient() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let machine = try #require(units["celix@1.service"]).machine
            let address = try #require(try await cluster.machines().first { $0.name == machine }).address
            // A TLS client that never reads again, so that it does not answer the end of the connection either.
            let client = """
                import os, socket, ssl, sys, time
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                connection = context.wrap_socket(socket.create_connection(("\(address)", 49154)))
                open(sys.argv[1], "w").close()
                while not os.path.exists(sys.argv[2]): time.sleep(0.05)
                """
            try await withTemporaryFolder { folder in
                async let ended = cluster.attemptInNetwork(
                    "timeout", "60", "python3", "-c", client, "\(folder)/connected", "\(folder)/over")
                try await until("it is connected") { access("\(folder)/connected", F_OK) == 0 }
                let process = try await cluster.agentProcess(machine)
                try await cluster.inside(machine, "systemctl restart node-agent.service")
                #expect(try await cluster.agentProcess(machine) != process)
                try await cluster.start("after.service", on: machine)
                try await cluster.expectUntouched(units)
                try write("", to: "\(folder)/over")
                #expect(try await ended.status == 0)
            }
        }

        @Test("an address that changes is announced with what to set, no unit notices, and the agent can be restarted")
        func address() async throws {
            let cluster = try Cluster.shared
            let home = "worker-3"
            let former = try await cluster.machine(home).address
            let next = "172.17.8.150"
            try await cluster.start("by.service", on: home)
            let before = try await cluster.sightings(of: ["by.service"]).map(\.identity)
            // Of two addresses of one prefix the second would go with the first.
            func move(from old: String, to new: String) async throws {
                try await cluster.inside(home, "ip address add \(new) dev host0; ip address delete \(old) dev host0")
            }
            try await move(from: "\(former)/24", to: "\(next)/16")
            try await until("the new address is announced") {
                let list = try await cluster.manager("list-machines")
                return list.output.contains(next) && list.error.contains("set public-ip anew")
                    && list.error.contains("set api-listen anew")
            }
            let process = try await cluster.agentProcess(home)
            try await cluster.inside(home, "systemctl restart node-agent.service")
            try await cluster.untilAnotherAgent(home, than: process)
            try await cluster.start("after.service", on: home)
            try await move(from: "\(next)/16", to: "\(former)/24")
            try await until("the former address is announced") {
                let list = try await cluster.manager("list-machines")
                return list.output.contains(former) && list.error.isEmpty
            }
            try await until("its API answers there") {
                try await cluster.attemptInNetwork("curl", "--silent", "--insecure", "https://\(former):49154/healthz")
                    .status
                    == 0
            }
            #expect(try await cluster.sightings(of: ["by.service"]).map(\.identity) == before)
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
