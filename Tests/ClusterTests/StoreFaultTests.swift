// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

extension ClusterTests {
    /// What becomes of units while etcd is not as it should be: rules R4 and R8, on an etcd of three members.
    @Suite("faults of the store", .threeMembers) struct StoreFaultTests {
        private static let workers = ["worker-1", "worker-2"]
        /// Longer than sessions live without a proof, twice over.
        private static let beyondSessions = Duration.seconds(12)

        @Test("one member of etcd's three lost: nothing happens, and units can be started")
        func oneMember() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            // An election of etcd's is another fault.
            try await until("another member leads than the third") {
                try await cluster.control("etcd", "move-leader") != ["https://172.17.8.4:2379"]
            }
            try await cluster.control("etcd", "kill", "3")
            try await prove("one-member.service", cluster)
            try await cluster.expectUntouched(units)
            try await cluster.control("etcd", "start", "3")
            #expect(try await self.leases(cluster) == leases)
        }

        @Test("etcd's quorum lost and regained: units run on meanwhile, and nothing is lost")
        func quorum() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            try await cluster.control("etcd", "kill", "2")
            try await cluster.control("etcd", "kill", "3")
            try await untilTold("etcd is down or has no quorum; units go on", cluster)
            try await Task.sleep(for: Self.beyondSessions)
            try await cluster.expectUntouched(units)
            // One after the other: a member that starts is silent, and until etcd has a leader the other two are proof enough.
            try await cluster.control("etcd", "start", "2")
            try await untilTold("in the cluster", cluster)
            try await cluster.control("etcd", "start", "3")
            try await prove("quorum.service", cluster)
            try await cluster.running(units.keys.sorted())
            try await figure("quorum lost and regained", units, leases, cluster)
        }

        @Test("etcd down for longer than sessions live: nothing is stopped meanwhile, and on its return all goes on")
        func down() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            let socket = try await cluster.control("socket", "1").joined()
            try await cluster.control("etcd", "kill")
            try await untilTold("etcd is down or has no quorum; units go on", cluster)
            try await Task.sleep(for: Self.beyondSessions)
            try await cluster.expectUntouched(units)
            // Answers from memory say so, and how old they are.
            for words in [["list-units"], ["--status"]] {
                let told = try await cluster.manager(words)
                #expect(told.status == 0 && told.error.contains("etcd does not answer; this is as of"), "\(told)")
            }
            #expect(try await healthz(socket) == "503")
            // What is remembered of a unit is no outcome of a start.
            let asked = try await cluster.manager("start", units.keys.sorted()[0], "--timeout", "30")
            #expect(asked.status == 3 && asked.error.contains("nobody knows what becomes of"), "\(asked)")
            let nothing = try await cluster.manager("stop", "nosuch.service")
            #expect(nothing.status == 3 && nothing.error.contains("nobody knows whether it still holds"), "\(nothing)")
            // An agent that begins now finds a proof that is old already, and nobody who renews.
            for command in ["systemctl restart node-agent.service", "systemctl kill -s KILL node-agent.service"] {
                for machine in Self.workers { try await cluster.inside(machine, command) }
                try await untilTold("etcd is down or has no quorum; units go on", cluster)
            }
            try await Task.sleep(for: Self.beyondSessions)
            try await cluster.expectUntouched(units)
            let back = monotonicNow()
            try await cluster.control("etcd", "start")
            try await untilTold("in the cluster", cluster)
            report("etcd started to all sessions renewed", monotonicNow() - back)
            try await prove("down.service", cluster)
            let told = try await cluster.manager("list-units")
            #expect(told.status == 0 && told.error.isEmpty, "\(told)")
            #expect(try await healthz(socket) == "200")
            try await cluster.running(units.keys.sorted())
            try await figure("etcd down", units, leases, cluster)
        }

        /// The status with which a machine's API says whether it is of use.
        private func healthz(_ socket: String) async throws -> String {
            try await Shell.run([
                "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--unix-socket", socket,
                "http://machine/healthz",
            ]).output
        }

        @Test("etcd's leader moved every second while units are started and stopped: all get done")
        func movedLeader() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            async let moves = move(for: .seconds(20), cluster)
            var rounds = 0
            let end = ContinuousClock.now + .seconds(20)
            while ContinuousClock.now < end {
                rounds += 1
                let name = "moved-\(rounds).service"
                try await prove(name, cluster)
                try await until("\(name) is destroyed") { try await cluster.manager("destroy", name).status == 0 }
            }
            print(
                "figure: \(try await moves) changes of etcd's leader, \(rounds) units started and destroyed meanwhile")
            #expect(try await moves > 1)
            try await cluster.expectUntouched(units)
            #expect(try await self.leases(cluster) == leases)
        }

        @Test("etcd full: a change is refused in one line that says why, units run on, and freed space ends it")
        func full() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            try await cluster.control("etcd", "fill")
            let refusal = try await cluster.withUnit("full.service", Cluster.sleeper) { path in
                try await cluster.manager("start", path)
            }
            #expect(refusal.status == 3, "\(refusal)")
            #expect(refusal.error.contains("database space exceeded; free its space"), "\(refusal)")
            #expect(refusal.error.split(separator: "\n").count == 1, "\(refusal)")
            // An agent that begins now is not registered, and its session lives all the same.
            try await cluster.inside(Self.workers[0], "systemctl restart node-agent.service")
            try await cluster.inside(Self.workers[1], "systemctl kill -s KILL node-agent.service")
            try await Task.sleep(for: Self.beyondSessions)
            try await cluster.expectUntouched(units)
            try await cluster.control("etcd", "unfill")
            try await prove("full.service", cluster)
            try await cluster.expectUntouched(units)
            #expect(try await self.leases(cluster) == leases)
        }

        @Test("a leader that etcd keeps out: another machine leads, and no unit is touched")
        func keptOut() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            let leader = try await leader(cluster)
            let user = "flotilla-default-machine-\(leader)"
            try await cluster.control("etcd", "ctl", "user", "revoke-role", user, "flotilla-default-manager")
            // A leader with nothing to write has nothing to find out. Its own API may write no more than it does.
            let isFirst = try await cluster.machineID(Self.workers[0]) == leader
            try await cluster.inside(
                Self.workers[isFirst ? 1 : 0],
                """
                printf '%s' '\(Cluster.sleeper)' >/run/kept-out.service
                cluster-manager start /run/kept-out.service --timeout 60
                """)
            #expect(try await self.leader(cluster) != leader)
            try await cluster.expectUntouched(units)
            #expect(try await self.leases(cluster) == leases)
            try await cluster.control("etcd", "ctl", "user", "grant-role", user, "flotilla-default-manager")
            try await prove("let-in.service", cluster)
        }

        /// etcd recommends these for production; each change of its users or roles makes all of them too old at once.
        @Test(
            "etcd with JSON web tokens whose users change all the time: units start, and a lost machine's run elsewhere"
        )
        func webTokens() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let key = try EtcdTokenKey()
            try await cluster.control("etcd", "kill")
            // etcd reads its flags from its environment, too.
            try await cluster.control(["etcd", "start"], environment: ["ETCD_AUTH_TOKEN": key.setting])
            try await prove("before-the-storm.service", cluster)
            // Not by cancellation, which would end a change in its middle.
            let isOver = Mutex(false)
            defer { isOver.withLock { $0 = true } }
            async let storm = {
                var changes = 0
                while !isOver.withLock({ $0 }) {
                    let name = "passer-by-\(changes)"
                    try await cluster.control("etcd", "ctl", "role", "add", name)
                    try await cluster.control("etcd", "ctl", "role", "delete", name)
                    changes += 2
                }
                return changes
            }()
            // Each must come through at its first attempt.
            for number in 1...5 {
                try await cluster.withUnit("stormy-\(number).service", Cluster.sleeper) { path in
                    try await cluster.manage("start", path, "--timeout", "60")
                }
            }
            try await cluster.control("halt", "worker-2")
            try await cluster.running(units.keys.sorted(), on: ["worker-1"])
            isOver.withLock { $0 = true }
            let changes = try await storm
            #expect(changes > 10)
            print("figure: \(changes) changes of etcd's roles meanwhile")
            try await cluster.control("boot", "worker-2")
            try await cluster.control("etcd", "kill")
            try await cluster.control("etcd", "start")
            try await prove("simple-again.service", cluster)
        }

        private func leader(_ cluster: Cluster) async throws -> String {
            let value = try await cluster.storeValue("leader")
            return try #require(value.split(separator: "\"").first { $0.count == 32 }.map(String.init), "\(value)")
        }

        @Test("etcd slow for 15 s: no unit runs twice, and afterwards each runs once")
        func slow() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let leases = try await leases(cluster)
            async let slowness = cluster.control("etcd", "slow", "15")
            let end = ContinuousClock.now + .seconds(15)
            while ContinuousClock.now < end {
                try await cluster.expectNothingTwice()
                try await Task.sleep(for: .milliseconds(500))
            }
            _ = try await slowness
            try await cluster.running(units.keys.sorted())
            try await prove("slow.service", cluster)
            try await figure("etcd slow for 15 s", units, leases, cluster)
        }

        @Test("etcd restored as another cluster: agents refuse, and cluster adopt decides for all of them at once")
        func restored() async throws {
            let cluster = try Cluster.shared
            let units = try await startUnits(cluster)
            let snapshot = cluster.state + "/snapshot"
            try await cluster.control("etcd", "snapshot", snapshot)
            try await cluster.start("late.service", on: "worker-2")
            try await cluster.control("etcd", "restore", snapshot)
            try await untilTold("refused: etcd is not the store of this session", cluster)
            try await cluster.expectUntouched(units)
            try await cluster.running(["late.service"], on: ["worker-2"])

            let asked = try await cluster.manager("cluster", "adopt")
            #expect(asked.status == 1, "\(asked)")
            #expect(asked.error.contains("say --yes if it is meant"), "\(asked)")
            #expect(asked.error.contains("worker-2: refuses; of its "), "\(asked)")
            #expect(asked.error.contains("does not know and so stops: 1 (late.service)"), "\(asked)")
            let done = try await cluster.manager("cluster", "adopt", "--yes")
            #expect(done.status == 0, "\(done)")
            #expect(done.lines.sorted() == ["worker-1: adopts", "worker-2: adopts"], "\(done)")

            try await untilTold("in the cluster", cluster)
            try await until("the unit that the store does not know is gone") {
                try await cluster.processes()["late.service"] == nil
            }
            try await cluster.expectUntouched(units)
            try await prove("restored.service", cluster)
            let again = try await cluster.manager("cluster", "adopt", "--yes")
            #expect(again.status == 1 && again.error.contains("no machine refuses its store"), "\(again)")
        }

        // MARK: What they share

        /// Starts two units on each machine and waits until all run.
        private func startUnits(_ cluster: Cluster) async throws -> [String: Sighting] {
            let names = (1...4).map { "steady-\($0).service" }
            try await cluster.give("start", names.map { Cluster.Unit($0, Cluster.sleeper) })
            return try await cluster.running(names)
        }

        /// Starts a unit wherever there is room; when it runs, store, engine and agents do all that they have to.
        private func prove(_ name: String, _ cluster: Cluster) async throws {
            try await cluster.withUnit(name, Cluster.sleeper) { path in
                try await until("\(name) is taken") {
                    try await cluster.manager("start", path, "--timeout", "60").status == 0
                }
            }
            try await cluster.running([name])
        }

        private func leases(_ cluster: Cluster) async throws -> [String] {
            var leases: [String] = []
            for machine in Self.workers { leases.append(try await cluster.lease(of: machine)) }
            return leases
        }

        /// Prints whether sessions and units came through.
        ///
        /// After a time without answers a session may be lost by the rules: how long etcd takes to start and to elect is not ours, and
        /// a loaded host has its own times.
        private func figure(
            _ what: String, _ units: [String: Sighting], _ before: [String], _ cluster: Cluster
        ) async throws {
            let now = try await cluster.running(units.keys.sorted())
            let untouched = units.values.count { now[$0.unit]?.identity == $0.identity }
            // A session that is being made anew just now has no lease to show.
            let kept = (try? await leases(cluster)).map { zip($0, before).count { $0 == $1 } } ?? 0
            print(
                "figure: \(what): \(kept) of \(before.count) sessions kept, \(untouched) of \(units.count) units untouched"
            )
        }

        /// Waits until all agents say so to their systemd.
        private func untilTold(_ words: String, _ cluster: Cluster) async throws {
            for machine in Self.workers { try await cluster.untilTold(words, on: machine) }
        }

        /// Moves etcd's lead each second, and counts how often that was done.
        private func move(for time: Duration, _ cluster: Cluster) async throws -> Int {
            var count = 0
            let end = ContinuousClock.now + time
            while ContinuousClock.now < end {
                // One that falls into an election of etcd's is refused.
                if try await cluster.run("bin/local-cluster", ["etcd", "move-leader"]).status == 0 { count += 1 }
                try await Task.sleep(for: .seconds(1))
            }
            return count
        }
    }
}
