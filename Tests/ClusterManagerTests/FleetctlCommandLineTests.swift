// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import Testing

@Suite("command lines written for fleetctl")
struct FleetctlCommandLineTests {
    @Test(
        "what means the same is taken",
        arguments: [
            ("--driver=API list-units", "list-units"), ("--driver api list-units", "list-units"),
            ("--experimental-api list-units", "list-units"), ("--experimental-api=true list-units", "list-units"),
            ("--strict-host-key-checking list-units", "--strict-host-key-checking=true list-units"),
            ("--strict-host-key-checking false list-units", "--strict-host-key-checking=false list-units"),
            ("--strict-host-key-checking=false list-units", "--strict-host-key-checking=false list-units"),
            ("ssh web ls --full", "ssh -- web ls --full"), ("ssh -A web -- ls", "ssh -A -- web -- ls"),
            ("--tunnel h ssh --unit web ls -l", "--tunnel h ssh --unit web -- ls -l"),
            ("ssh web ls --output json", "ssh --output=json -- web ls --output json"),
            ("ssh -- web ls --output json", "ssh -- web ls --output json"),
            ("ssh --machine m --status", "ssh --machine m --status"), ("start ssh x", "start ssh x"),
        ])
    func taken(arguments: String, expected: String) throws {
        let line = try FleetctlCommandLine(arguments.split(separator: " ").map(String.init))
        #expect(line.arguments.joined(separator: " ") == expected)
    }

    @Test(
        "options without a meaning here are refused in one line that says what to do",
        arguments: [
            "--driver=etcd", "--driver etcd", "--etcd-key-prefix=/x", "--etcd-keyfile k", "--etcd-certfile c",
            "--etcd-cafile c",
        ])
    func refused(option: String) async {
        let session = await Session.run("\(option) list-units")
        #expect(session.status == .failure)
        #expect(session.errors.hasPrefix("cluster-manager: --"))
        #expect(
            session.errors.contains("is fleetctl's") && session.errors.contains("--endpoint")
                || session.errors.contains("has no meaning here: "))
        #expect(session.errors.count { $0 == "\n" } == 1)
    }

    @Test("a remote command may hold any of these options")
    func remote() async throws {
        let fleet = FakeFleet()
        let session = await Session.run("ssh 1000 -- run --driver=etcd --status --start", on: fleet)
        #expect(session.words.suffix(4) == ["run", "--driver=etcd", "--status", "--start"])
    }

    @Test("a failure of ssh is JSON also where that is asked for behind the target")
    func remoteFailure() async {
        let session = await Session.run("ssh nosuch --output json")
        #expect(session.status == .failure)
        #expect(
            session.errors.hasPrefix(#"{"error":{"code":"unit","message":"'nosuch' is neither"#), "\(session.errors)")
    }

    @Test("variables without a meaning here are named in a warning, and nothing else happens")
    func variables() async {
        let session = await Session.run(
            "list-machines --no-legend --fields ip",
            environment: ["FLEETCTL_DRIVER": "etcd", "FLEETCTL_ETCD_KEY_PREFIX": "/x", "FLEETCTL_CA_FILE": ""])
        #expect(
            session.errors
                == "cluster-manager: FLEETCTL_DRIVER and FLEETCTL_ETCD_KEY_PREFIX has no meaning here and is ignored:"
                + " only the API is used\n")
        #expect(session.status == .success)
        #expect(await Session.run("list-machines", environment: ["FLEETCTL_DRIVER": "API"]).errors.isEmpty)
    }

    @Test(
        "hosts of --tunnel",
        arguments: [
            ("h", "h", nil), ("core@h:2222", "core@h", 2222), ("[fe80::1]:22", "fe80::1", 22),
            ("fe80::1", "fe80::1", nil),
            ("[::1]", "::1", nil),
        ] as [(String, String, UInt16?)])
    func hosts(text: String, name: String, port: UInt16?) throws {
        let host = try SSHHost(text)
        #expect(host.name == name && host.port == port)
    }

    @Test(
        "what is no host is refused",
        arguments: ["-oProxyCommand=x", "h:0", "h:x", "a b", "@h", "-x@h", "[::1", "h;id"])
    func badHosts(text: String) async {
        let session = await Session.run(["list-units", "--tunnel=\(text)"], on: FakeFleet())
        #expect(session.status == .failure)
        #expect(session.errors.hasPrefix("cluster-manager: --tunnel '"))
    }

    @Test("fleetctl's variables for ssh count where ours say nothing")
    func sshVariables() async {
        let session = await Session.run(
            "ssh 1000 uptime",
            environment: [
                "FLEETCTL_SSH_USERNAME": "core", "FLOTILLA_SSH_TIMEOUT": "2.5", "FLEETCTL_SSH_TIMEOUT": "9",
                "FLEETCTL_STRICT_HOST_KEY_CHECKING": "false", "FLEETCTL_KNOWN_HOSTS_FILE": "/k h",
            ])
        #expect(
            session.words == [
                "ssh", "-o", "ConnectTimeout=3", "-o", "UserKnownHostsFile=\"/k h\"", "-o", "StrictHostKeyChecking=no",
                "-l", "core", "--", "172.17.8.101", "uptime",
            ])
        let bad = await Session.run("ssh 1000 uptime", environment: ["FLEETCTL_SSH_TIMEOUT": "soon"])
        #expect(bad.errors.hasPrefix("cluster-manager: FLEETCTL_SSH_TIMEOUT=soon must be"))
    }
}
