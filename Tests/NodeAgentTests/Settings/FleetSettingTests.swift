// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import NodeAgent

@Suite("fleet's settings")
struct FleetSettingTests {
    private func sources(
        _ file: String, environment: [String: String] = [:], flags: [SettingKey: String] = [:]
    ) throws -> SettingSources {
        try SettingSources(flags: flags, environment: environment, file: (path: "fleet.conf", text: file))
    }

    @Test(
        "a setting that means the same is read",
        arguments: [
            (
                "etcd_servers=[\"http://a:4001\", \"http://b:4001\"]", SettingKey.etcdEndpoints,
                "http://a:4001,http://b:4001"
            ),
            ("etcd_servers=http://a:2379,http://b:2379", .etcdEndpoints, "http://a:2379,http://b:2379"),
            ("etcd_username=root", .etcdUser, "root"), ("etcd_keyfile=/k", .etcdKeyFile, "/k"),
            ("etcd_certfile=/c", .etcdCertFile, "/c"), ("etcd_cafile=/a", .etcdCAFile, "/a"),
            ("public_ip=\"10.0.0.1\"", .publicIP, "10.0.0.1"),
            ("metadata=\"zone=a,disk=ssd\"", .metadata, "zone=a,disk=ssd"),
            ("agent_ttl=\"30s\"", .sessionTTL, "30"), ("agent_ttl=1m30s", .sessionTTL, "90"),
            ("verbosity=1", .logLevel, "debug"), ("verbosity=0", .logLevel, "info"),
            ("systemd_user=true", .systemdManager, "user"), ("disable_engine=true", .roles, "agent,api"),
            ("disable_engine=false", .roles, "agent,engine,api"),
        ])
    func same(line: String, key: SettingKey, text: String) throws {
        let sources = try sources("# fleet's\n" + line)
        #expect(sources[key].text == text)
        #expect(sources.warnings.isEmpty)
    }

    @Test(
        "a setting that means nothing here is named in a warning, which says what to do instead",
        arguments: [
            "etcd_key_prefix=/x", "etcd_request_timeout=2", "engine_reconcile_interval=5", "units_directory=/u",
            "token_limit=50", "enable_grpc=true", "disable_watches=true", "verify_units=true",
            "authorized_keys_file=/f",
            "etcd_password=secret", "agent_ttl=500ms", "agent_ttl=soon", "verbosity=much",
        ])
    func other(line: String) throws {
        let sources = try sources(line)
        let name = line.prefix { $0 != "=" }
        #expect(sources.warnings.count == 1)
        #expect(sources.warnings.first?.hasPrefix("\(name) of fleet (fleet.conf:1) is not followed: ") == true)
        #expect(sources.warnings.first?.contains("secret") == false)
        for key in SettingKey.allCases { #expect(sources[key].origin == .builtIn) }
    }

    @Test("fleet's own default values draw no warning")
    func defaults() throws {
        let sources = try sources(
            "token_limit=100\nenable_grpc=false\ndisable_watches=false\nverify_units=false\nverbosity=0\netcd_password=\n"
        )
        #expect(sources.warnings.isEmpty)
    }

    @Test("ours wins over fleet's within one source, the environment over the file, a flag over all")
    func order() throws {
        let file = "public-ip=10.0.0.1\npublic_ip=10.0.0.2\nagent_ttl=20s\n"
        let plain = try sources(file)
        #expect(plain[.publicIP].text == "10.0.0.1")
        #expect(plain[.sessionTTL] == SettingSources.Value(text: "20", origin: .file("fleet.conf", line: 3)))
        let fleets = try sources(file, environment: ["FLEET_AGENT_TTL": "30s", "FLEET_PUBLIC_IP": "10.0.0.3"])
        #expect(fleets[.publicIP].text == "10.0.0.3")
        #expect(fleets[.sessionTTL].origin == .fleetEnvironment("FLEET_AGENT_TTL"))
        let both = try sources(
            file, environment: ["FLEET_AGENT_TTL": "30s", "FLOTILLA_SESSION_TTL": "7"], flags: [.publicIP: "10.0.0.4"])
        #expect(both[.sessionTTL].text == "7")
        #expect(both[.publicIP].text == "10.0.0.4")
        let warned = try sources("", environment: ["FLEET_ENABLE_GRPC": "true"])
        #expect(warned.warnings.first?.hasPrefix("FLEET_ENABLE_GRPC of fleet") == true)
    }

    @Test("a name that is neither ours nor fleet's is refused")
    func unknown() {
        #expect(throws: SettingsError.self) { try sources("etcd_server=http://a") }
    }
}
