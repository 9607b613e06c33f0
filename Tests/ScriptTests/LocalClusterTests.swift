// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

@Suite(
    "bin/local-cluster", .serialized, .enabled(if: LocalCluster.isPossible, "machines need root"),
    .timeLimit(.minutes(10)))
struct LocalClusterTests {
    @Test("machines have a systemd, an address, an id and provisioned files of their own")
    func machines() async throws {
        try await LocalCluster.with(machines: 2) { cluster in
            var ids: Set<String> = []
            for number in 1...2 {
                let machine = "worker-\(number)"
                #expect(try await cluster.succeed("exec", machine, "ps", "-o", "comm=", "-p", "1") == ["systemd"])
                #expect(try await cluster.succeed("exec", machine, "hostname") == [machine])
                ids.formUnion(try await cluster.succeed("exec", "\(number)", "cat", "/etc/machine-id"))
                let settings = try await cluster.succeed("exec", machine, "cat", "/etc/flotilla/node-agent.conf")
                #expect(settings.contains("FLOTILLA_PUBLIC_IP=\"172.17.8.\(100 + number)\""))
                // From inside, over its own cable.
                try await cluster.succeed("exec", machine, "curl", "-sf", "-m", "30", "http://172.17.8.2:4001/health")
            }
            #expect(ids.count == 2)
            let failed = try await cluster.succeed("exec", "1", "systemctl", "--failed", "--no-legend", "--plain")
            #expect(failed.isEmpty)
            let table = try await cluster.table()
            #expect(table.keys.sorted() == ["bootstrap", "worker-1", "worker-2"])
            #expect(table["worker-2"]?[1...2] == ["172.17.8.102", "up"])
        }
    }

    @Test("one machine's systemd neither sees nor ends the units of another")
    func separate() async throws {
        try await LocalCluster.with(machines: 2) { cluster in
            for machine in ["1", "2"] {
                try await cluster.succeed("exec", machine, "systemd-run", "--quiet", "--unit=same", "sleep", "infinity")
            }
            try await cluster.succeed("exec", "1", "systemctl", "kill", "--signal=KILL", "same.service")
            try await cluster.succeed("exec", "1", "systemctl", "stop", "same.service")
            #expect(try await cluster.succeed("exec", "2", "systemctl", "is-active", "same.service") == ["active"])
            let processes = try await cluster.succeed(
                "exec", "2", "sh", "-c", "cat /proc/*/comm 2>/dev/null | grep -cx sleep")
            #expect(processes == ["1"])
        }
    }

    @Test("a machine that lost power comes back as itself, with empty memory, and the other never notices")
    func power() async throws {
        try await LocalCluster.with(machines: 2) { cluster in
            let id = try await cluster.succeed("exec", "1", "cat", "/etc/machine-id")
            let other = try await cluster.succeed("exec", "2", "systemctl", "show", "-p", "UserspaceTimestampMonotonic")
            try await cluster.succeed("exec", "1", "touch", "/run/mark", "/etc/mark")
            try await cluster.succeed("halt", "1")
            #expect(try await cluster.table()["worker-1"]?[2] == "down")
            let dead = try await cluster.run("exec", "1", "true")
            #expect(dead.status == 1)
            #expect(dead.error.contains("worker-1 is down"))

            try await cluster.succeed("add")  // does not boot what was halted
            #expect(try await cluster.table()["worker-1"]?[2] == "down")
            #expect(try await cluster.table()["worker-3"]?[2] == "up")

            try await cluster.succeed("boot", "1")
            #expect(try await cluster.succeed("exec", "1", "cat", "/etc/machine-id") == id)
            try await cluster.succeed("exec", "1", "sh", "-c", "test ! -e /run/mark && test ! -e /etc/mark")
            #expect(
                try await cluster.succeed("exec", "2", "systemctl", "show", "-p", "UserspaceTimestampMonotonic")
                    == other)
        }
    }

    @Test("a cut cable isolates one machine until it is healed")
    func cable() async throws {
        try await LocalCluster.with(machines: 2) { cluster in
            func reaches(_ machine: String, within seconds: Int) async throws -> Bool {
                try await cluster.run(
                    "exec", machine, "curl", "-sf", "-m", "\(seconds)", "http://172.17.8.2:2379/health"
                ).status == 0
            }
            try await cluster.succeed("cut", "2")
            #expect(try await cluster.table()["worker-2"]?[2] == "cut")
            #expect(try await !reaches("2", within: 2))
            #expect(try await reaches("1", within: 30))
            try await cluster.succeed("heal", "2")
            #expect(try await cluster.table()["worker-2"]?[2] == "up")
            try await cluster.succeed(
                "exec", "2", "curl", "-sf", "--retry", "20", "--retry-all-errors", "--retry-delay", "1",
                "http://172.17.8.2:2379/health")
        }
    }

    @Test("etcd keeps its data when killed, and is another one when wiped")
    func etcd() async throws {
        try await LocalCluster.with(machines: 1) { cluster in
            let url = "http://172.17.8.2:4001"
            func clusterID() async throws -> String {
                let answer = try await cluster.succeed("net", "curl", "-sf", "-d", "{}", "\(url)/v3/maintenance/status")
                let parts = answer.joined().components(separatedBy: "\"cluster_id\":\"")
                return String(parts.last?.prefix { $0 != "\"" } ?? "")
            }
            let key = "\(url)/v2/keys/mark"
            try await cluster.succeed("net", "curl", "-sf", "-X", "PUT", key, "-d", "value=1")
            let before = try await clusterID()
            #expect(!before.isEmpty)
            try await cluster.succeed("etcd", "kill")
            #expect(try await cluster.succeed("etcd", "status") == ["stopped"])
            try await cluster.succeed("etcd", "start")
            try await cluster.succeed("net", "curl", "-sf", key)
            #expect(try await clusterID() == before)

            try await cluster.succeed("etcd", "pause")
            try await cluster.expectEtcd("paused")
            try await cluster.succeed("etcd", "resume")
            try await cluster.expectEtcd("running")

            try await cluster.succeed("etcd", "wipe")
            let gone = try await cluster.run("net", "curl", "-sf", key)
            #expect(gone.status != 0)
            try await cluster.succeed("etcd", "stop")
            try await cluster.succeed("etcd", "start")
        }
    }

    @Test("up mends what a crash or an outsider broke, and running it again changes nothing")
    func mends() async throws {
        try await LocalCluster.with(machines: 2) { cluster in
            let boot = try await cluster.succeed("exec", "2", "systemctl", "show", "-p", "UserspaceTimestampMonotonic")
            try await cluster.succeed("up", "2")
            #expect(
                try await cluster.succeed("exec", "2", "systemctl", "show", "-p", "UserspaceTimestampMonotonic") == boot
            )

            // Neither a machine nor the network under it was made anew.
            try await cluster.succeed("net", "curl", "-sf", "-m", "30", "http://172.17.8.2:2379/health")

            // The network's name is taken away from under everything, as a restarted host would.
            let deleted = try await Shell.run(["ip", "netns", "delete", cluster.name])
            try #require(deleted.status == 0, "\(deleted.error)")
            let lost = try await cluster.run("status")
            #expect(lost.status == 1)
            #expect(lost.error.contains("run: bin/local-cluster up"))
            try await cluster.succeed("up", "2")
            try await cluster.succeed("exec", "2", "curl", "-sf", "-m", "30", "http://172.17.8.2:2379/health")
        }
    }

    @Test("two at once wait for each other")
    func lock() async throws {
        try await LocalCluster.with(machines: 1) { cluster in
            async let first = cluster.run("up", "3")
            async let second = cluster.run("up", "3")
            for outcome in try await [first, second] {
                #expect(outcome.status == 0, "\(outcome.error)")
            }
            let table = try await cluster.table()
            #expect((1...3).allSatisfy { table["worker-\($0)"]?[2] == "up" })
        }
    }

    @Test("a machine that reboots or is shut down from inside does so")
    func insideOut() async throws {
        try await LocalCluster.with(machines: 1) { cluster in
            let boot = try await cluster.succeed("exec", "1", "systemctl", "show", "-p", "UserspaceTimestampMonotonic")
            try await cluster.succeed("exec", "1", "systemctl", "--no-block", "reboot")
            var again = boot
            let deadline = ContinuousClock.now + .seconds(180)
            while again == boot, ContinuousClock.now < deadline {
                let outcome = try await cluster.run(
                    "exec", "1", "systemctl", "show", "-p", "UserspaceTimestampMonotonic")
                // While it is down there is no answer; while it goes down, still the old one.
                if outcome.status == 0, !outcome.lines.isEmpty { again = outcome.lines }
            }
            #expect(again != boot)
            try await cluster.succeed("boot", "1")  // waits for the rest of the boot
            try await cluster.succeed("shutdown", "1")
            #expect(try await cluster.table()["worker-1"]?[2] == "down")
        }
    }

    @Test("what cannot be done is refused with words")
    func refuses() async throws {
        try await LocalCluster.with(machines: 1) { cluster in
            for (words, message) in [
                (["exec", "worker-9", "true"], "no machine worker-9 in this cluster; there are: worker-1"),
                (["halt", "king"], "no machine is called 'king'"), (["cut"], "which machine?"),
                (["etcd", "explode"], "not 'explode'"), (["up", "0"], "'0' is no number of machines"),
                (["frobnicate"], "unknown command frobnicate"),
            ] {
                let outcome = try await Shell.run(
                    ["bin/local-cluster"] + words, environment: ["FLOTILLA_LOCAL_STATE": cluster.state])
                #expect(outcome.status == 1 || outcome.status == 2)
                #expect(outcome.error.contains(message), "\(outcome.error)")
            }
        }
    }

    @Test("without a cluster every command says how to get one, and down is no error")
    func none() async throws {
        let environment = ["FLOTILLA_LOCAL_STATE": "/run/flotilla-test-none"]
        let status = try await Shell.run(["bin/local-cluster", "status"], environment: environment)
        #expect(status.status == 1)
        #expect(status.error.contains("run: bin/local-cluster up"))
        #expect(try await Shell.run(["bin/local-cluster", "down"], environment: environment).status == 0)
    }
}
