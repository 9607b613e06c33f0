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
                    "--binaries", build, "--prefix", root,
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

    @Test("the bootstrap machine gets etcd's settings with the seed's ports and the v2 API")
    func bootstrap() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await Shell.run([
                "bin/provision-machine", "--role", "bootstrap", "--address", "172.17.8.2", "--binaries",
                try programs(in: folder), "--prefix", "\(folder)/root",
            ])
            #expect(outcome.status == 0, "\(outcome.error)")
            let settings = try contents("\(folder)/root/etc/default/etcd").split(separator: "\n")
            #expect(settings.contains("ETCD_ENABLE_V2=true"))
            #expect(settings.contains("ETCD_ADVERTISE_CLIENT_URLS=http://172.17.8.2:2379,http://172.17.8.2:4001"))
            #expect(settings.contains("ETCD_LISTEN_PEER_URLS=http://172.17.8.2:7001"))
        }
    }

    @Test("programs that have not been built are an error that says what to do")
    func notBuilt() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await Shell.run([
                "bin/provision-machine", "--role", "worker", "--address", "172.17.8.101", "--binaries", folder,
                "--prefix", "\(folder)/root",
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
            (["--role", "worker", "--address", "10.0.0.1", "--session-ttl", "5s"], "--session-ttl must be"),
            (["--role", "worker", "--address", "10.0.0.1", "--cluster", "a\nB=1"], "not allowed in"),
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
