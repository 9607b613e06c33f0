// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

@Suite("bin/provision-machine") struct ProvisionMachineTests {
    /// Stand-ins for the built programs.
    private func programs(in folder: String) throws -> String {
        for name in ["node-agent", "cluster-manager", "demonstrator"] {
            try write("#!/bin/sh\nexit 0\n", to: "\(folder)/build/\(name)", executable: true)
        }
        return "\(folder)/build"
    }

    @Test("a worker gets programs, unit files, settings and an enabled agent; twice is as once")
    func worker() async throws {
        try await withTemporaryFolder { folder in
            let root = "\(folder)/root"
            let build = try programs(in: folder)
            for _ in 1...2 {
                let outcome = try await Shell.run([
                    "bin/provision-machine", "--role", "worker", "--name", "worker-1", "--address", "172.17.8.101",
                    "--etcd", "http://172.17.8.2:2379", "--metadata", "role=worker,zone=a b", "--session-ttl", "7",
                    "--binaries", build, "--prefix", root, "--insecure",
                ])
                #expect(outcome.status == 0, "\(outcome.error)")
            }
            #expect(
                try contents("\(root)/etc/flotilla/node-agent.conf").split(separator: "\n").dropFirst() == [
                    "FLOTILLA_ETCD_ENDPOINTS=\"http://172.17.8.2:2379\"", "FLOTILLA_CLUSTER=\"default\"",
                    "FLOTILLA_PUBLIC_IP=\"172.17.8.101\"",
                    "FLOTILLA_API_LISTEN=\"unix:/run/flotilla/api.sock\"",
                    "FLOTILLA_METADATA=\"role=worker,zone=a b\"", "FLOTILLA_SESSION_TTL=\"7\"",
                ])
            let files = FileManager.default
            for program in ["node-agent", "cluster-manager", "demonstrator", "inaetics-agent"] {
                #expect(files.isExecutableFile(atPath: "\(root)/opt/flotilla/bin/\(program)"), "\(program)")
            }
            for unit in ["celix@.service", "felix@.service", "provisioning.service"] {
                #expect(try contents("\(root)/opt/flotilla/units/\(unit)") == contents("units/\(unit)"))
            }
            let link = try files.destinationOfSymbolicLink(atPath: "\(root)/opt/inaetics/fleet/units")
            #expect(link == "/opt/flotilla/units")
            #expect(
                try contents("\(root)/etc/systemd/system/node-agent.service") == contents("units/node-agent.service"))
            let enabled = "\(root)/etc/systemd/system/multi-user.target.wants/node-agent.service"
            #expect(try files.destinationOfSymbolicLink(atPath: enabled) == "/etc/systemd/system/node-agent.service")
            #expect(
                try files.destinationOfSymbolicLink(atPath: "\(root)/usr/local/bin/cluster-manager").isEmpty == false)
        }
    }

    /// Stands in for `node-agent join`: says with what it was called, and writes what joining writes.
    private static let joining = """
        #!/bin/bash
        set -eu
        echo "$*" >>"$CALLS"
        IFS= read -r token
        echo "$token" >>"$CALLS"
        while [[ $# -gt 0 ]]; do
            case $1 in
            --identity-directory) identity=$2 ;;
            --settings-file) settings=$2 ;;
            esac
            shift
        done
        [[ $token == FLT1-good ]] || { echo 'node-agent: cannot join: this token is not good' >&2; exit 1; }
        mkdir -p "$identity"
        : >"$identity/certificate.pem"
        printf 'FLOTILLA_CLUSTER="lab"\\nFLOTILLA_ETCD_CA_FILE="%s/authorities.pem"\\n' "$identity" >"$settings"

        """

    /// Lets a worker join with a token on standard input; the calls of the stand-in come back, too.
    private func join(_ token: String, in folder: String) async throws -> (outcome: Shell.Outcome, calls: [String]) {
        let build = try programs(in: folder)
        try write(Self.joining, to: "\(build)/node-agent", executable: true)
        let command =
            "\(Shell.repository)/bin/provision-machine --role worker --address 172.17.8.101 "
            + "--join tls:172.17.8.2:49154 --session-ttl 7 --binaries \(build) --prefix \(folder)/root"
        let outcome = try await Shell.run(
            ["bash", "-c", "printf '%s\n' '\(token)' | \(command)"], environment: ["CALLS": "\(folder)/calls"])
        let calls = (try? contents("\(folder)/calls"))?.split(separator: "\n").map(String.init) ?? []
        return (outcome, calls)
    }

    @Test("a worker joins by a token that no argument shows, once; again it keeps what it has joined with")
    func joins() async throws {
        try await withTemporaryFolder { folder in
            let root = "\(folder)/root"
            let first = try await join("FLT1-good", in: folder)
            #expect(first.outcome.status == 0, "\(first.outcome.error)")
            try #require(first.calls.count == 2)
            #expect(first.calls[0].hasPrefix("join tls:172.17.8.2:49154 - --address 172.17.8.101 --no-start "))
            #expect(first.calls[1] == "FLT1-good")
            let settings = try contents("\(root)/etc/flotilla/node-agent.conf")
            #expect(
                settings.split(separator: "\n") == [
                    "FLOTILLA_CLUSTER=\"lab\"",
                    "FLOTILLA_ETCD_CA_FILE=\"/var/lib/flotilla/identity/authorities.pem\"",
                    "FLOTILLA_SESSION_TTL=\"7\"",
                ])
            let again = try await join("", in: folder)
            #expect(again.outcome.status == 0, "\(again.outcome.error)")
            #expect(again.calls == first.calls)
            #expect(try contents("\(root)/etc/flotilla/node-agent.conf") == settings)
        }
    }

    @Test("without a token, or with one that is not good, no machine is made and nothing is started")
    func joinsNothing() async throws {
        try await withTemporaryFolder { folder in
            let none = try await join("", in: folder)
            #expect(none.outcome.status == 2 && none.calls.isEmpty)
            #expect(none.outcome.error.contains("cluster-manager token create --kind worker"), "\(none.outcome.error)")
            let bad = try await join("FLT1-bad", in: folder)
            #expect(bad.outcome.status == 1 && bad.outcome.error.contains("this token is not good"))
            let enabled = "\(folder)/root/etc/systemd/system/multi-user.target.wants/node-agent.service"
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: enabled)) == nil)
        }
    }

    /// Stands in for `cluster-manager`, as far as it makes the authority and etcd's files.
    private static let certifying = """
        #!/bin/bash
        set -eu
        echo "$*" >>"$CALLS"
        words=$*
        while [[ $# -gt 0 ]]; do
            case $1 in
            --directory) directory=$2 ;;
            --out) out=$2 ;;
            esac
            shift
        done
        mkdir -p "$directory" ${out:+"$out"}
        : >"$directory/key.pem"
        [[ $words != *' certificate etcd '* ]] || echo "ETCD_CERT_FILE=$out/certificate.pem" >"$out/etcd.env"

        """

    @Test("the bootstrap machine gets a closed etcd and an authority, once, and says what comes next")
    func closedBootstrap() async throws {
        try await withTemporaryFolder { folder in
            let build = try programs(in: folder)
            try write(Self.certifying, to: "\(build)/cluster-manager", executable: true)
            for _ in 1...2 {
                let outcome = try await Shell.run(
                    [
                        "bin/provision-machine", "--role", "bootstrap", "--address", "172.17.8.2", "--binaries", build,
                        "--prefix", "\(folder)/root",
                    ], environment: ["CALLS": "\(folder)/calls"])
                #expect(outcome.status == 0, "\(outcome.error)")
                #expect(
                    (outcome.output + outcome.error).contains(
                        "cluster-manager cluster init --etcd-endpoints https://172.17.8.2:2379 --roles engine,api"))
            }
            let calls = try contents("\(folder)/calls").split(separator: "\n")
            #expect(calls.count == 2, "\(calls)")
            #expect(calls.first?.hasPrefix("cluster init --offline --name default ") == true)
            #expect(calls.last?.contains("certificate etcd ") == true)
            let settings = try contents("\(folder)/root/etc/default/etcd").split(separator: "\n")
            #expect(settings.contains("ETCD_CERT_FILE=/etc/etcd/tls/certificate.pem"))
            #expect(settings.contains("ETCD_LISTEN_PEER_URLS=https://172.17.8.2:7001"))
            #expect(!settings.contains { $0.contains("http://") || $0.contains("4001") || $0.contains("V2") })
            #expect(FileManager.default.isExecutableFile(atPath: "\(folder)/root/opt/flotilla/bin/node-agent"))
        }
    }

    @Test("an insecure bootstrap machine gets etcd's settings with the seed's ports and the v2 API")
    func bootstrap() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await Shell.run([
                "bin/provision-machine", "--role", "bootstrap", "--address", "172.17.8.2", "--binaries",
                try programs(in: folder), "--prefix", "\(folder)/root", "--insecure",
            ])
            #expect(outcome.status == 0, "\(outcome.error)")
            let settings = try contents("\(folder)/root/etc/default/etcd").split(separator: "\n")
            #expect(settings.contains("ETCD_ENABLE_V2=true"))
            #expect(settings.contains("ETCD_ADVERTISE_CLIENT_URLS=http://172.17.8.2:2379,http://172.17.8.2:4001"))
            #expect(settings.contains("ETCD_LISTEN_PEER_URLS=http://172.17.8.2:7001"))
        }
    }

    @Test(
        "a machine of a secured cluster is not made insecure by a word, and is told how to leave",
        arguments: [
            ("worker", "identity/certificate.pem", "cluster-manager machine revoke web-1"),
            ("bootstrap", "identity/certificate.pem", "cluster-manager machine revoke web-1"),
            ("bootstrap", "authority/key.pem", "the authority of a secured cluster"),
        ])
    func secured(role: String, file: String, part: String) async throws {
        try await withTemporaryFolder { folder in
            let root = "\(folder)/root"
            try write("x", to: "\(root)/var/lib/flotilla/\(file)")
            try write("ETCD_CLIENT_CERT_AUTH=true\n", to: "\(root)/etc/default/etcd")
            let outcome = try await Shell.run([
                "bin/provision-machine", "--role", role, "--name", "web-1", "--address", "172.17.8.2", "--binaries",
                try programs(in: folder), "--prefix", root, "--insecure",
            ])
            #expect(outcome.status == 1 && outcome.error.contains(part), "\(outcome.error)")
            #expect(outcome.error.count { $0 == "\n" } == 1, "\(outcome.error)")
            #expect(try contents("\(root)/etc/default/etcd") == "ETCD_CLIENT_CERT_AUTH=true\n")
            #expect(!FileManager.default.fileExists(atPath: "\(root)/opt"))
        }
    }

    @Test("programs that have not been built are an error that says what to do")
    func notBuilt() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await Shell.run([
                "bin/provision-machine", "--role", "worker", "--address", "172.17.8.101", "--binaries", folder,
                "--prefix", "\(folder)/root", "--insecure",
            ])
            #expect(outcome.status == 1)
            #expect(outcome.error.contains("no program \(folder)/node-agent; run bin/build first"))
        }
    }

    @Test(
        "wrong arguments are refused before anything is written",
        arguments: [
            (["--role", "king", "--address", "10.0.0.1"], "--role must be"),
            (["--role", "worker"], "--address must be"),
            (["--role", "worker", "--address", "10.0.0.1", "--metadata", "zone"], "--metadata must be"),
            (["--role", "worker", "--address", "10.0.0.1", "--metadata", "zone=a,b=c,zone=a"], "the key 'zone' twice"),
            (["--role", "worker", "--address", "10.0.0.1", "--session-ttl", "5s"], "--session-ttl must be"),
            (["--role", "worker", "--address", "10.0.0.1", "--insecure", "--cluster", "a\nB=1"], "not allowed in"),
            (["--role", "worker", "--address", "10.0.0.1"], "a worker joins with a token (--join ENDPOINT)"),
            (
                ["--role", "worker", "--address", "10.0.0.1", "--insecure", "--packages", ".", "--prefix", "x"],
                "--packages installs on this machine"
            ),
            (["--role", "worker", "--address", "10.0.0.1", "--secured", "--insecure"], "name one"),
            (["--role", "worker", "--address", "10.0.0.1", "--join", "tls:10.0.0.2:49154", "--insecure"], "name one"),
            (["--role", "worker", "--address", "10.0.0.1", "--join", "10.0.0.2"], "--join must be tls:ADDRESS:PORT"),
            (
                ["--role", "worker", "--address", "10.0.0.1", "--join", "tls:10.0.0.2:49154", "--roles", "agent"],
                "come with the token"
            ),
            (["--role", "bootstrap", "--address", "10.0.0.1", "--secured"], "takes neither --join nor --secured"),
            (["--role"], "--role needs a value"),
        ])
    func refuses(arguments: [String], message: String) async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await Shell.run(["bin/provision-machine", "--prefix", "\(folder)/root"] + arguments)
            #expect(outcome.status == 2)
            #expect(outcome.error.contains(message), "\(outcome.error)")
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/root"))
        }
    }
}
