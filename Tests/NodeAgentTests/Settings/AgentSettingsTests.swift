// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import Etcd
import FleetAPI
import FleetCore
import HTTPTransport
import Logging
import Registry
import Testing

@testable import NodeAgent

@Suite("settings of the agent")
struct AgentSettingsTests {
    private func settings(
        _ flags: [SettingKey: String], files: [String: String] = [:]
    ) throws(SettingsError) -> AgentSettings {
        let sources = try SettingSources(flags: flags, environment: [:], file: nil)
        return try AgentSettings(sources) { path throws(SettingsError) in
            guard let text = files[path] else { throw SettingsError("cannot read \(path): No such file or directory") }
            return text
        }
    }

    @Test("the defaults are usable")
    func defaults() throws {
        let settings = try settings([:])
        #expect(settings.etcd.endpoints == ["http://127.0.0.1:2379"])
        #expect(settings.etcd.tls == nil && settings.etcd.user == nil && settings.etcd.password == nil)
        #expect(settings.cluster.rawValue == "default")
        #expect(settings.sessionTTL == 5)
        #expect(settings.roles == [.agent, .engine, .api])
        #expect(settings.apiListen == [.unix(path: "/run/flotilla/api.sock")])
        #expect(settings.metadata.isEmpty && settings.publicIP.isEmpty && settings.machineName.isEmpty)
        #expect(settings.machineIDFile == "/etc/machine-id" && settings.runtimeDirectory == "/run/flotilla")
        #expect(settings.isGuarded && !settings.usesUserManager)
        #expect(settings.logLevel == .info)
    }

    @Test(
        "a value that cannot be used is refused in one line with setting, origin and what it may be",
        arguments: [
            (SettingKey.etcdEndpoints, "", "name at least one URL"), (.etcdEndpoints, "10.0.0.1:2379", "http://"),
            (.etcdEndpoints, "http://10.0.0.1", "has no port"), (.etcdEndpoints, "ftp://a:1", "http://"),
            (.cluster, "", "1 to 63 lower-case letters"), (.cluster, "Blue", "lower-case letters, digits"),
            (.cluster, "a/b", "lower-case letters, digits"),
            (.metadata, "role", "KEY=VALUE"), (.metadata, "a=b,role=", "KEY=VALUE"), (.metadata, "=x", "KEY=VALUE"),
            (.metadata, "a=b=c", "exactly one '='"), (.metadata, "a=b,c=d, a=b", "the key 'a' is given twice"),
            (.sessionTTL, "1", "from 2 to 3600"), (.sessionTTL, "3601", "from 2 to 3600"),
            (.sessionTTL, "5s", "from 2 to 3600"), (.sessionTTL, "", "from 2 to 3600"),
            (.sessionTTL, "99999999999999999999", "from 2 to 3600"),
            (.roles, "", "agent, engine and api"), (.roles, "agent,master", "agent, engine and api"),
            (.roles, "Agent", "agent, engine and api"),
            (.apiListen, "nonsense", "unix:/path"), (.apiListen, "unix:relative", "must be absolute"),
            (.apiListen, "unix:/a,tcp:127.0.0.1:0", "1 to 65535"),
            (.runtimeDirectory, "run", "absolute path"), (.runtimeDirectory, "", "absolute path"),
            (.systemdManager, "root", "neither system nor user"), (.guardUnit, "yes", "neither on nor off"),
            (.logLevel, "loud", "trace, debug, info, notice, warning, error or critical"),
        ])
    func refused(_ key: SettingKey, _ text: String, _ words: String) throws {
        let error = try #require(throws: SettingsError.self) { try settings([key: text]) }
        #expect(error.message.hasPrefix("\(key.rawValue) (flag): "), "\(error.message)")
        #expect(error.message.contains(words), "\(error.message)")
        #expect(!error.message.contains { $0.isNewline })
    }

    @Test("the origin in a refusal is the place that set the value")
    func originInRefusal() throws {
        let sources = try SettingSources(
            flags: [:], environment: ["FLOTILLA_ROLES": "boss"], file: ("/a.conf", "cluster=x\nsession-ttl=0"))
        let ttl = try #require(throws: SettingsError.self) { try AgentSettings(sources) { _ in "" } }
        #expect(ttl.message.hasPrefix("session-ttl (/a.conf:2): '0'"))
    }

    @Test("lists take blanks and empty places")
    func lists() throws {
        let settings = try settings([
            .etcdEndpoints: " http://10.0.0.1:2379 , ,http://10.0.0.2:2379/", .roles: "api, api",
            .metadata: "role=worker, zone=a,", .apiListen: "unix:/a,tcp:127.0.0.1:49153",
        ])
        #expect(settings.etcd.endpoints == ["http://10.0.0.1:2379", "http://10.0.0.2:2379"])
        #expect(settings.roles == [.api])
        #expect(settings.metadata == ["role": "worker", "zone": "a"])
        #expect(settings.apiListen == [.unix(path: "/a"), .tcp(host: "127.0.0.1", port: 49153)])
    }

    @Test("the password is the first line of its file")
    func password() throws {
        let files = ["/secret": "pass word\nrest\n", "/windows": "pass\r\n"]
        let settings = try settings([.etcdUser: "root", .etcdPasswordFile: "/secret"], files: files)
        #expect(settings.etcd.user == "root" && settings.etcd.password == "pass word")
        let other = try self.settings([.etcdUser: "root", .etcdPasswordFile: "/windows"], files: files)
        #expect(other.etcd.password == "pass")
    }

    @Test(
        "half of a login or of a key pair is refused by name",
        arguments: [
            ([SettingKey.etcdUser: "root"], ["etcd-user", "etcd-password-file"]),
            ([.etcdPasswordFile: "/secret"], ["etcd-user", "etcd-password-file"]),
            ([.etcdUser: "root", .etcdPasswordFile: "/none"], ["etcd-password-file (flag)", "/none", "No such file"]),
            ([.etcdCertFile: "/c"], ["etcd-cert-file (flag)", "etcd-key-file"]),
            ([.etcdKeyFile: "/k"], ["etcd-key-file (flag)", "etcd-cert-file"]),
            ([.etcdCAFile: "/ca"], ["etcd-endpoints", "https"]),
        ])
    func halves(_ flags: [SettingKey: String], _ words: [String]) throws {
        let error = try #require(throws: SettingsError.self) { try settings(flags, files: ["/secret": "x"]) }
        for word in words { #expect(error.message.contains(word), "\(error.message)") }
        #expect(!error.message.contains { $0.isNewline })
    }

    @Test(
        "gates are machines with TLS, for a worker without a login",
        arguments: [
            ([SettingKey.storeGates: "10.0.0.1"], ["store-gates (flag)", "10.0.0.1", "tls:ADDRESS:PORT"]),
            ([.storeGates: "tls:10.0.0.1:1,tcp:10.0.0.1:1", .roles: "agent"], ["tcp:10.0.0.1:1"]),
            ([.storeGates: "tls:10.0.0.1:1"], ["store-gates (flag)", "engine or api"]),
            (
                [.storeGates: "tls:10.0.0.1:1", .roles: "agent", .etcdUser: "u", .etcdPasswordFile: "/secret"],
                ["store-gates (flag)", "etcd-user"]
            ),
        ])
    func badGates(_ flags: [SettingKey: String], _ words: [String]) throws {
        let error = try #require(throws: SettingsError.self) { try settings(flags, files: ["/secret": "x"]) }
        for word in words { #expect(error.message.contains(word), "\(error.message)") }
    }

    @Test(
        "a worker asks the gates with its identity, each another first, and knows etcd's members by their own addresses"
    )
    func gates() throws {
        let folder = try TemporaryFolder()
        let gates = ["tls:10.0.0.1:49154", "tls:[fd00::1]:49154", "tls:10.0.0.3:49154"]
        let read = try settings([
            .storeGates: gates.joined(separator: ","), .roles: "agent", .identityDirectory: folder.path,
            .etcdEndpoints: "https://10.0.0.1:2379,https://127.0.0.1:2379",
        ])
        let machines = try (0..<16).map { number in
            try required(MachineID(String(repeating: String(number, radix: 16), count: 32)))
        }
        #expect(throws: HostError.self) { try read.throughGates(as: machines[1]) }
        try HostFiles.write("", to: folder.path + "/certificate.pem", mode: 0o600)
        var first: Set<String> = []
        for machine in machines {
            let etcd = try read.throughGates(as: machine).etcd
            #expect(
                Set(etcd.endpoints)
                    == ["https://10.0.0.1:49154", "https://[fd00::1]:49154", "https://10.0.0.3:49154"])
            first.insert(etcd.endpoints[0])
            // What is at a loopback address differs from gate to gate.
            #expect(etcd.gate?.members == ["https://10.0.0.1:2379"])
            #expect(etcd.gate?.path == "/flotilla/v1/machines/\(machine)/store")
            #expect(etcd.tls?.certificateFile == folder.path + "/credentials.pem" && etcd.user == nil)
            #expect(throws: Never.self) { try etcd.checked() }
        }
        #expect(first.count == 3)
        let direct = try settings([:])
        #expect(try direct.throughGates(as: machines[1]).etcd.gate == nil)
    }

    @Test("certificates go to etcd's client, with or without an authority")
    func certificates() throws {
        let https = "https://10.0.0.1:2379"
        let all = try settings([.etcdEndpoints: https, .etcdCAFile: "/ca", .etcdCertFile: "/c", .etcdKeyFile: "/k"])
        #expect(all.etcd.tls?.authorityFile == "/ca")
        #expect(all.etcd.tls?.certificateFile == "/c" && all.etcd.tls?.keyFile == "/k")
        let pair = try settings([.etcdEndpoints: https, .etcdCertFile: "/c", .etcdKeyFile: "/k"])
        #expect(pair.etcd.tls?.authorityFile == nil && pair.etcd.tls?.keyFile == "/k")
        let authority = try settings([.etcdEndpoints: https, .etcdCAFile: "/ca"])
        #expect(authority.etcd.tls?.authorityFile == "/ca" && authority.etcd.tls?.certificateFile == nil)
    }
}
