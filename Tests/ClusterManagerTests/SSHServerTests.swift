// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import FoundationEssentials
import Testing

@Suite("against a real sshd", .timeLimit(.minutes(5)))
struct SSHServerTests {
    /// An API on a unix socket, for a cluster of one machine, which is this host.
    private func serving<Answer: Sendable>(
        _ body: @Sendable (_ socket: String, SSHServer) async throws -> Answer
    ) async throws -> Answer {
        try await SSHServer.run { ssh in
            try await Fixtures.withFolder([:]) { folder in
                try await RunningCluster(machines: 1, address: "127.0.0.1").serving(in: folder) { socket, _ in
                    try await body(socket, ssh)
                }
            }
        }
    }

    private func say(_ arguments: String, _ ssh: SSHServer, _ more: [String: String] = [:]) async throws
        -> Command.Outcome
    {
        let words = [try Command.clusterManager] + arguments.split(separator: " ").map(String.init)
        return try await Command.run(words, environment: ssh.environment.merging(more) { $1 })
    }

    @Test("--tunnel carries requests and events, and leaves nothing behind")
    func tunnel() async throws {
        try await serving { socket, ssh in
            let tunnel = "--tunnel 127.0.0.1:\(ssh.port) --known-hosts-file \(ssh.knownHosts) --endpoint unix:\(socket)"
            try await Fixtures.withFolder(["web.service": Fixtures.plainText]) { folder in
                let start = try await say("\(tunnel) start \(folder)/web.service", ssh)
                #expect(start.output == "Unit web.service launched on 10000000.../127.0.0.1\n", "\(start.errors)")
                #expect(start.status == 0 && start.errors.isEmpty)
            }
            let named = try await say(
                "list-units --no-legend --fields unit,active", ssh,
                [
                    "FLEETCTL_TUNNEL": "127.0.0.1:\(ssh.port)", "FLEETCTL_KNOWN_HOSTS_FILE": ssh.knownHosts,
                    "FLEETCTL_ENDPOINT": "unix://\(socket)",
                ])
            #expect(named.output == "web.service  active\n", "\(named.errors)")
            let nowhere = try await say("\(tunnel).none list-units", ssh)
            #expect(nowhere.status == 3)
            #expect(nowhere.errors.contains("unix:\(socket).none through 127.0.0.1:\(ssh.port)"))
            #expect(nowhere.errors.count { $0 == "\n" } == 1)
        }
    }

    @Test("a host that is not there, or whose key is another, is told in one line with ssh's reason, status 3")
    func refused() async throws {
        try await serving { socket, ssh in
            let unknown = try await say(
                "--tunnel 127.0.0.1:\(ssh.port) --strict-host-key-checking --known-hosts-file /dev/null list-units", ssh
            )
            #expect(unknown.status == 3)
            #expect(unknown.errors.contains("Host key verification failed"), "\(unknown.errors)")
            #expect(unknown.errors.count { $0 == "\n" } == 1)
            let closed = try await say("--tunnel 127.0.0.1:1 list-units", ssh)
            #expect(closed.status == 3)
            #expect(closed.errors.contains("Connection refused"), "\(closed.errors)")
        }
    }

    @Test("ssh runs the command there: output, quoting and exit status are its own, directly and through the tunnel")
    func ssh() async throws {
        try await serving { socket, ssh in
            let common = "--endpoint unix:\(socket) --known-hosts-file \(ssh.knownHosts)"
            for tunnel in ["", "--tunnel 127.0.0.1:\(ssh.port) "] {
                let outcome = try await say(
                    "\(tunnel)\(common) ssh --ssh-port \(ssh.port) 1000 echo $SSH_CONNECTION; echo --status; exit 7",
                    ssh)
                #expect(outcome.status == 7, "\(outcome.errors)")
                #expect(outcome.output.contains("127.0.0.1 \(ssh.port)\n--status\n"), "\(outcome.output)")
            }
        }
    }

    @Test("fleetctl's way: HTTP over fd-forward at the far end")
    func forward() async throws {
        try await serving { socket, ssh in
            let request = "GET /fleet/v1/machines HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let words = [
                "ssh", "-p", "\(ssh.port)", "-o", "UserKnownHostsFile=\(ssh.knownHosts)", "127.0.0.1",
                "\(try Command.clusterManager) fd-forward \(socket)",
            ]
            let outcome = try await Command.run(
                ["env"] + words, input: request, environment: ssh.environment)
            #expect(outcome.status == 0)
            #expect(outcome.output.hasPrefix("HTTP/1.1 200"), "\(outcome.errors)")
            #expect(outcome.output.contains("\"primaryIP\":\"127.0.0.1\""))
        }
    }
}
