// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

extension ClusterTests {
    /// Who may do what, on real machines: the local cluster is secured as any other.
    @Suite("a secured cluster") struct SecurityTests {
        @Test(
            "a revoked machine's units run elsewhere within seconds; it comes back with a token, which is used up then")
        func revokeAndJoin() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            // worker-1 has the authority.
            let victim = try #require(units.values.map(\.machine).sorted().first { $0 != "worker-1" })
            let moved = units.values.filter { $0.machine == victim }.map(\.unit).sorted()
            let others = Set((1...Cluster.size).map { "worker-\($0)" }).subtracting([victim])
            let revoked = monotonicNow()
            try await cluster.manage("machine", "revoke", victim)
            let after = try await cluster.running(units.keys.sorted(), on: others)
            report(
                "machine revoked to all its units elsewhere",
                (moved.compactMap { after[$0]?.activeSince }.max() ?? 0) - revoked)
            try await cluster.expectUntouched(units, except: [victim])
            try await cluster.expectNothingTwice()
            try await until("its agent has ended for good") {
                try await cluster.attempt(in: victim, "systemctl", "is-active", "node-agent.service").lines.first
                    == "failed"
            }
            let id = try await cluster.machineID(victim)
            try await until("it has no user in etcd") {
                try await cluster.control("etcd", "ctl", "user", "list").allSatisfy { !$0.contains(id) }
            }

            let token = try #require(
                try await cluster.manage("token", "create", "--kind", "manager", "--uses", "1", "--ttl", "10m").first)
            let living = try await cluster.attempt(
                in: try #require(others.min()), "node-agent", "join", "tls:172.17.8.101:49154", token, "--no-start",
                "--identity-directory", "/run/living", "--settings-file", "/run/living.conf")
            #expect(living.status == 1 && living.error.contains("is one of the cluster already"), "\(living)")
            // Its one use is left for the machine that it is for.
            try await cluster.inside(
                victim,
                "rm /var/lib/flotilla/identity/*; systemctl reset-failed node-agent; node-agent join tls:172.17.8.101:49154 - <<<'\(token)'"
            )
            try await until("it is back") { try await cluster.visibleAddresses().count == Cluster.size }
            try await cluster.expectUntouched(after)

            let again = try await cluster.attempt(
                in: "worker-1", "node-agent", "join", "tls:172.17.8.101:49154", token, "--no-start",
                "--identity-directory", "/run/second", "--settings-file", "/run/second.conf")
            #expect(again.status == 1)
            #expect(again.error.contains("this token is not good"), "\(again.error)")
            #expect(!again.error.contains("as often"), "a stranger learns which fault the token has")
            let audit = try await cluster.manage("audit", "--since", "10m", "--fields", "user,action,after,refused")
            #expect(audit.contains { $0.contains("has been used as often as it may") }, "\(audit)")
            #expect(audit.contains { $0.contains("machine \(id) revoked") }, "\(audit)")
            #expect(audit.contains { $0.contains("joined with token") }, "\(audit)")
        }

        @Test(
            "the commands of docs/security.md make a secured cluster of three machines and a closed etcd, with its first unit"
        )
        func fewCommands() async throws {
            let cluster = Cluster(state: try Cluster.shared.state + "-new")
            try await cluster.control("down")
            try await cluster.control("up", "3", "--insecure", "--no-agent")
            let result: Result<Void, any Error>
            do {
                result = .success(try await fewCommands(on: cluster))
            } catch {
                result = .failure(error)
            }
            try await cluster.control("down")
            try result.get()
        }

        /// What Debian's package of etcd has done on a machine, which here has an `/etc` of its own: its user, and one start.
        private static let package = """
            useradd --system --home-dir /var/lib/etcd etcd
            install --directory --owner etcd /var/lib/etcd
            mkdir -p /etc/default
            echo 127.0.0.1 localhost >/etc/hosts
            systemctl start etcd
            """

        /// The first block of commands of `docs/security.md`, which makes the cluster.
        private static func documented() throws -> String {
            let page = try contents("\(Shell.repository)/docs/security.md").components(separatedBy: "```")
            let block = try #require(page.first { $0.hasPrefix("sh\n") })
            return String(block.dropFirst(3)).replacing("10.0.0.1", with: "172.17.8.101")
        }

        private func fewCommands(on cluster: Cluster) async throws {
            // The plain etcd of the local cluster.
            let refused = try await cluster.attempt(
                in: "worker-1", "cluster-manager", "cluster", "init", "--etcd-endpoints", "http://172.17.8.2:2379")
            #expect(refused.status == 1 && refused.error.contains("--allow-open-store"), "\(refused)")
            #expect(refused.error.contains("speaks without TLS"), "\(refused)")
            try await cluster.inside("worker-1", Self.package)
            let began = monotonicNow()
            let told = try await cluster.inside("worker-1", try Self.documented())
            let joins = told.filter { $0.hasPrefix("node-agent join tls:172.17.8.101:49154 FLT1-") }
            let kinds = ["manager": "worker-2", "worker": "worker-3"]
            #expect(joins.count == kinds.count, "\(told)")
            for (kind, machine) in kinds {
                try await cluster.inside(machine, try #require(joins.first { $0.hasSuffix("  # \(kind)") }))
            }
            try await cluster.inside(
                "worker-1",
                "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/run/web.service; cluster-manager start /run/web.service"
            )
            report("from three bare machines to a secured cluster with its first unit", monotonicNow() - began)
            try await until("all three are there") {
                try await cluster.inside("worker-1", "cluster-manager list-machines --no-legend").count == 3
            }
            // Nobody but root at the socket, and who shows a certificate.
            let listening = try await cluster.inside(
                "worker-2", "ss --listening --tcp --numeric --no-header --processes")
            #expect(listening.filter { $0.contains("node-agent") }.count == 1, "\(listening)")
            #expect(listening.contains { $0.contains("172.17.8.102:49154") && $0.contains("node-agent") })
            // etcd lets in nobody from outside, whatever he asks, and says so.
            let stranger = try await cluster.run(
                "bin/local-cluster", ["net", "curl", "--silent", "--insecure", "https://172.17.8.101:2379/version"])
            #expect(stranger.status != 0)
            let store = try await cluster.inside("worker-1", "cluster-manager cluster store --no-legend")
            #expect(store.count == 1 && store[0].contains("closed") && store[0].contains("asked"), "\(store)")
            let status = try await cluster.attempt(in: "worker-1", "cluster-manager", "--status")
            #expect(!status.error.contains("takes anybody"), "\(status)")
        }

        @Test(
            "a viewer reads, starts nothing, and is refused from the moment of its revocation; nobody comes in without a name"
        )
        func viewer() async throws {
            let cluster = try Cluster.shared
            try await withTemporaryFolder { folder in
                try await cluster.manage("user", "add", "vera", "--role", "viewer", "--out", "\(folder)/vera.json")
                let tool = "\(Shell.repository)/bin/cluster-manager"
                func vera(_ words: String...) async throws -> Shell.Outcome {
                    try await cluster.run(
                        "bin/local-cluster",
                        ["net", "env", "FLOTILLA_PROFILES=\(folder)/profiles", tool, "--profile", "vera"] + words)
                }
                let added = try await Shell.run(
                    ["env", "FLOTILLA_PROFILES=\(folder)/profiles", "bin/cluster-manager", "profile", "add"].map {
                        $0.hasPrefix("bin/") ? "\(Shell.repository)/\($0)" : $0
                    } + ["\(folder)/vera.json", "--name", "vera"])
                #expect(added.status == 0, "\(added.error)")
                // The machine that she asks hears of her, and of her end, by its watch.
                try await until("vera is known") {
                    try await vera("list-machines", "--no-legend").lines.count == Cluster.size
                }
                let metadata = try await vera(
                    "metadata", "set", String(try await cluster.machineID("worker-2").prefix(8)), "a=b")
                #expect(metadata.status != 0)
                #expect(metadata.error.contains("has role viewer; this needs role operator"), "\(metadata.error)")
                try await cluster.manage("user", "revoke", "vera")
                let refused = try await untilValue("vera is refused", within: .seconds(10)) {
                    let outcome = try await vera("list-machines")
                    return outcome.status != 0 ? outcome : nil
                }
                #expect(refused.error.contains("the cluster knows no user vera, or has revoked it"), "\(refused.error)")
                try await cluster.inside("worker-1", "cluster-manager token create --kind worker --ttl 1m >/dev/null")
                let audit = try await cluster.manage("audit", "--since", "5m", "--fields", "user,from,refused")
                #expect(audit.contains { $0.contains("user vera is unknown or was revoked") }, "\(audit)")
                let socket = "socket of \(try await cluster.machineID("worker-1").prefix(8))"
                #expect(audit.contains { $0.hasPrefix("root") && $0.contains(socket) }, "\(audit)")
            }
            let stranger = try await cluster.control(
                "net", "curl", "--silent", "--cacert", "\(cluster.state)/authority/authorities.pem",
                "https://172.17.8.102:49154/fleet/v1/units")
            #expect(stranger.joined().contains(#""code":401"#), "\(stranger)")
        }

        /// Ten strangers with forty connections each ask worker-1 for what is not there, for a quarter of a minute.
        private static let strangers = """
            device=$(ip -o route get 172.17.8.101 | sed 's/.* dev \\([^ ]*\\).*/\\1/')
            addresses=$(seq --format 172.17.8.%g 200 209)
            trap 'for address in $addresses; do ip addr del "$address/24" dev "$device"; done' EXIT
            for address in $addresses; do
                ip addr add "$address/24" dev "$device"
                nice -n 19 timeout 15 curl --silent --insecure --interface "$address" --parallel --parallel-immediate \\
                    --parallel-max 40 --output /dev/null "https://172.17.8.101:49154/$(printf 'x%.0s' {1..300})/[1-100000]" &
            done
            head -c 4000000 /dev/zero | curl --silent --insecure --max-time 15 --write-out '%{http_code}\n' --output /dev/null \\
                --request POST --upload-file - https://172.17.8.101:49154/flotilla/v1/join || true
            wait || true
            """

        @Test("strangers at an API port keep nobody from his work, no machine from taking over, and fill no store")
        func strangers() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let home = try #require(units.values.map(\.machine).sorted().first { $0 != "worker-1" })
            let moved = units.values.filter { $0.machine == home }.map(\.unit)
            let events = try await cluster.storeKeys("events/").count
            async let attack = cluster.run("bin/local-cluster", ["net", "bash", "-c", Self.strangers])
            try await until("they are there") {
                try await cluster.inside("worker-1", "ss --no-header --tcp state established '( sport = :49154 )'")
                    .count
                    > 100
            }
            #expect(try await cluster.manage("list-machines", "--no-legend").count == Cluster.size)
            try await cluster.control("halt", home)
            try await until("its units run elsewhere") {
                let sightings = try await cluster.sightings(of: moved)
                return moved.allSatisfy { unit in
                    sightings.contains { $0.unit == unit && $0.machine != home && $0.active == "active" }
                }
            }
            try await cluster.start("later.service", on: "worker-1")
            _ = try await cluster.inside("worker-1", "cluster-manager list-units --no-legend")
            let outcome = try await attack
            #expect(outcome.output.contains("413") || outcome.output.contains("429"), "\(outcome)")
            let kept = try await cluster.storeKeys("events/").count - events
            // Sixty refusals, one in ten seconds more, and what was done.
            #expect(kept < 80, "\(kept) events of the attack")
            let told = try await cluster.manage("audit", "--since", "2m", "--fields", "user,action,refused")
            #expect(told.allSatisfy { $0.count < 700 }, "\(told.map(\.count).max() ?? 0)")
            let memory = try await cluster.inside(
                "worker-1",
                "awk '/VmHWM/ { print $2 }' /proc/$(systemctl show --property=MainPID --value node-agent)/status")
            let kilobytes = memory.first.flatMap { Int($0) } ?? .max
            print("figure: most memory of the agent that strangers beset: \(kilobytes / 1000) MB")
            #expect(kilobytes < 500_000)
            try await cluster.expectNothingTwice()
        }

        @Test(
            "a machine cut off from etcd alone keeps its session through its peers, also while etcd is down, and its units run on"
        )
        func relay() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let machine = try #require(units["celix@1.service"]).machine
            let lease = try await cluster.lease(of: machine)
            try await cluster.inside(machine, "ip route add blackhole 172.17.8.2/32")
            // Three lifetimes of a session.
            try await cluster.expectUntouched(units, for: .seconds(15))
            #expect(try await cluster.lease(of: machine) == lease)
            // It cannot see that etcd is down, and hears it from them.
            try await cluster.control("etcd", "kill")
            try await cluster.untilTold("etcd is down or has no quorum; units go on", on: machine)
            try await cluster.expectUntouched(units, for: .seconds(6))
            try await cluster.control("etcd", "start")
            try await until("etcd serves") { try await !cluster.visibleAddresses().isEmpty }
            try await cluster.expectUntouched(units, for: .seconds(6))
            #expect(try await cluster.lease(of: machine) == lease)
            try await cluster.inside(machine, "ip route del blackhole 172.17.8.2/32")
            try await cluster.start("after.service", on: machine)
            #expect(try await cluster.lease(of: machine) == lease)
            try await cluster.expectUntouched(units)
        }

        @Test("every login at etcd gets another password while all goes on, and an agent that begins later has its own")
        func passwords() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            func secrets() async throws -> [String] {
                var found: [String] = []
                for number in 1...Cluster.size {
                    found += try await cluster.inside(
                        "worker-\(number)", "cat /var/lib/flotilla/identity/etcd-password")
                }
                return found
            }
            let lease = try await cluster.lease(of: "worker-2")
            let before = try await secrets()
            let outcome = try await cluster.manager(
                "cluster", "store", "rotate-passwords", "--no-legend", "--timeout", "1m")
            // Other tests may have left members behind that are off.
            let here = outcome.lines.filter { !$0.contains("absent") }
            #expect(here.count == Cluster.size + 1 && here.allSatisfy { $0.contains("new password") }, "\(outcome)")
            #expect(outcome.status == (here.count == outcome.lines.count ? 0 : 2))
            let after = try await secrets()
            #expect(after.count == Cluster.size && Set(after).isDisjoint(with: before))
            #expect(try await cluster.lease(of: "worker-2") == lease)
            try await cluster.inside("worker-2", "systemctl restart node-agent")
            for number in 1...Cluster.size {
                try await cluster.start("anew-\(number).service", on: "worker-\(number)")
            }
            #expect(try await cluster.lease(of: "worker-2") == lease)
            try await cluster.expectUntouched(units)
        }

        @Test("the authority is replaced while all goes on, and not before etcd shows a certificate of the new one")
        func rotation() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            try await cluster.manage("cluster", "ca", "rotate")
            // A profile from before still works.
            #expect(try await cluster.manage("list-machines", "--no-legend").count == Cluster.size)
            // A renewal that fails is tried again a minute later.
            try await until("every machine has a new certificate", within: .seconds(180)) {
                let audit = try await cluster.manage("audit", "--since", "5m", "--fields", "user,after")
                return Set(audit.filter { $0.contains("renewed") && $0.hasPrefix("machine:") }).count >= Cluster.size
            }
            let early = try await cluster.manager("cluster", "ca", "rotate", "--finish")
            #expect(early.status != 0)
            #expect(early.error.contains("etcd at https://172.17.8.2:2379"), "\(early.error)")
            try await cluster.manage(
                "cluster", "certificate", "etcd", "--directory", "\(cluster.state)/authority", "--address",
                "172.17.8.2",
                "--address", "127.0.0.1", "--out", "\(cluster.state)/etcd/tls")
            try await cluster.manage("profile", "renew")
            try await cluster.manage("cluster", "ca", "rotate", "--finish")
            #expect(try await cluster.manage("cluster", "ca", "show").count == 2)
            #expect(try await cluster.manage("list-machines", "--no-legend").count == Cluster.size)
            for number in 1...Cluster.size {
                try await cluster.start("after-\(number).service", on: "worker-\(number)")
            }
            try await cluster.expectUntouched(units)
        }
    }
}
