// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// node-agent as a program: its settings, and what it refuses.
    @Suite("node-agent's settings") struct AgentProgramTests {
        @Test("--check prints every setting in force and where it was set")
        func check() async throws {
            let cluster = try Cluster.shared
            let outcome = try await cluster.attempt(
                in: "worker-2", "env", "FLOTILLA_SESSION_TTL=7", "node-agent", "--check", "--metadata=zone=a")
            #expect(outcome.status == 0, "\(outcome)")
            let lines = outcome.lines.map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.contains("etcd-endpoints https://172.17.8.2:2379 (/etc/flotilla/node-agent.conf:2)"))
            let all = lines.joined(separator: "\n")
            #expect(all.contains("\npublic-ip 172.17.8.102 (/etc/flotilla/node-agent.conf"))
            #expect(all.contains("\nsession-ttl 7 (environment)"), "\(all)")
            #expect(all.contains("\nmetadata zone=a (flag)"), "\(all)")
            #expect(lines.contains("roles agent,engine,api (default)"))
            #expect(lines.last?.contains("(worker-2)") == true)
        }

        @Test(
            "settings that cannot be are refused in one line that names them",
            arguments: [
                ("--public-ip=172.17.8.77", "172.17.8.77"), ("--public-ip=nonsense", "nonsense"),
                ("--session-ttl=1", "session-ttl"), ("--roles=king", "king"), ("--etcd-endpoints=nonsense", "nonsense"),
                ("--api-listen=nonsense", "nonsense"), ("--machine-id-file=/etc/hostname", "/etc/hostname"),
                ("--metadata=zone", "zone"), ("--config=/nowhere", "/nowhere"), ("--cluster=a/b", "a/b"),
            ])
        func refused(_ flag: String, _ named: String) async throws {
            let cluster = try Cluster.shared
            let outcome = try await cluster.attempt(in: "worker-2", "node-agent", "--check", flag)
            #expect(outcome.status != 0, "\(outcome)")
            #expect(outcome.error.contains(named), "\(outcome)")
            #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome)")
        }

        @Test("a second live machine with an id that is taken is refused with words, and the first goes on")
        func duplicate() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let other = try #require(units["celix@1.service"]).machine
            let host = other == "worker-1" ? "worker-2" : "worker-1"
            let id = try await cluster.machineID(other)
            let lease = try await cluster.lease(of: other)
            try await cluster.inside(
                host,
                """
                echo \(id) >/run/other-id
                systemd-run --quiet --unit=flotilla-guard-twin --service-type=notify /opt/flotilla/bin/node-agent \\
                    --machine-id-file=/run/other-id --runtime-directory=/run/twin --api-listen=unix:/run/twin/api.sock \\
                    --guard=off
                """)
            try await until("the twin is told") {
                try await cluster.inside(host, "journalctl --boot --no-pager --unit=flotilla-guard-twin")
                    .contains { $0.contains("this machine's id belongs to another live machine") }
            }
            try await until("its status says whose id it is") {
                let status = try await cluster.inside(
                    host, "systemctl show --property=StatusText --value flotilla-guard-twin"
                ).joined()
                return status.contains("is alive at 172.17.8.") && status.contains("(\(other))")
            }
            #expect(try await cluster.lease(of: other) == lease)
            #expect(try await cluster.visibleAddresses().count == Cluster.size)
            try await cluster.inside(host, "systemctl stop flotilla-guard-twin")
            try await cluster.expectUntouched(units)
            #expect(try await cluster.lease(of: other) == lease)
        }

        @Test(
            "an agent of another cluster in the same etcd sees nothing of this one, nor does this one's login let it in there"
        )
        func otherCluster() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            func manager(_ words: String) async throws -> Shell.Outcome {
                try await cluster.attempt(
                    in: "worker-1", "bash", "-c",
                    "/opt/flotilla/bin/cluster-manager --endpoint unix:/run/elsewhere/api.sock \(words)")
            }
            func start(_ login: String) async throws {
                try await cluster.inside(
                    "worker-1",
                    """
                    systemd-run --quiet --unit=flotilla-guard-elsewhere --service-type=notify /opt/flotilla/bin/node-agent \\
                        --cluster=elsewhere --runtime-directory=/run/elsewhere --guard=off --identity-directory=/run/none \\
                        --etcd-cert-file=/var/lib/flotilla/identity/etcd-credentials.pem \\
                        --etcd-key-file=/var/lib/flotilla/identity/etcd-credentials.pem \\
                        --api-listen=unix:/run/elsewhere/api.sock \(login)
                    """)
            }
            try await start("")
            try await until("etcd refuses this machine's login the other cluster's keys") {
                try await manager("list-machines").error.contains("permission denied")
            }
            try await cluster.inside("worker-1", "systemctl stop flotilla-guard-elsewhere")
            try await start(
                "--etcd-user=root --etcd-password-file=/var/lib/flotilla/authority/etcd-root-password")
            try await until("it has joined its own cluster") {
                try await manager("list-machines --no-legend --fields ip").lines == ["172.17.8.101"]
            }
            #expect(try await manager("list-unit-files --no-legend").output.isEmpty)
            #expect(try await manager("list-units --no-legend").output.isEmpty)
            try await cluster.inside("worker-1", "systemctl stop flotilla-guard-elsewhere")
            try await cluster.expectUntouched(units)
            #expect(try await cluster.visibleAddresses().count == Cluster.size)
        }

        @Test("purging registrations deletes what no session holds, and nothing that lives")
        func purge() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let dead = "machines/\(String(repeating: "d", count: 32))"
            func purge() async throws -> [String] {
                try await cluster.control(
                    "net", "env", "ETCD_CA_FILE=\(cluster.state)/authority/authorities.pem",
                    "ETCD_CERT_FILE=\(cluster.state)/etcd/tls/certificate.pem",
                    "ETCD_KEY_FILE=\(cluster.state)/etcd/tls/key.pem", "ETCD_USER=root",
                    "ETCD_PASSWORD_FILE=\(cluster.state)/authority/etcd-root-password",
                    "\(Shell.repository)/bin/purge-discovery", "--registrations", "https://172.17.8.2:2379")
            }
            try await cluster.control(
                "etcd", "ctl", "put",
                "/flotilla/default/\(dead)", "{\"id\":\"\(String(repeating: "d", count: 32))\"}")
            #expect(try await purge().contains("Deleting '\(dead)'..."))
            #expect(try await purge().last == "Nothing to delete.")
            #expect(try await cluster.storeKeys("machines/").count == Cluster.size)
            try await cluster.expectUntouched(units)
        }
    }
}
