// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import NodeAgent

@Suite("where settings come from")
struct SettingSourcesTests {
    private func sources(
        flags: [SettingKey: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws(SettingsError) -> SettingSources {
        try SettingSources(flags: flags, environment: environment, file: file.map { ("agent.conf", $0) })
    }

    @Test("flag wins over environment, environment over file, file over default", arguments: SettingKey.allCases)
    func precedence(_ key: SettingKey) throws {
        let file = "# a comment\n\n\(key.variable)=from file\n"
        let environment = [key.variable: "from environment"]
        let all = try sources(flags: [key: "from flag"], environment: environment, file: file)
        #expect(all[key] == .init(text: "from flag", origin: .flag))
        let both = try sources(environment: environment, file: file)
        #expect(both[key] == .init(text: "from environment", origin: .environment))
        let one = try sources(file: file)
        #expect(one[key] == .init(text: "from file", origin: .file("agent.conf", line: 3)))
        #expect(one[key].origin.description == "agent.conf:3")
        let none = try sources()
        #expect(none[key] == .init(text: key.defaultText, origin: .builtIn))
        #expect(none[key].origin.description == "default")
    }

    @Test(
        "a line of the file is read as systemd reads environment files",
        arguments: [
            ("cluster=blue", "blue"), ("FLOTILLA_CLUSTER=blue", "blue"), ("  cluster = blue  ", "blue"),
            ("cluster=\"blue\"", "blue"), ("cluster='blue'", "blue"), ("cluster=\"blue", "\"blue"),
            ("cluster=\"blue'", "\"blue'"), ("cluster=a=b", "a=b"), ("cluster=", ""), ("cluster=\"\"", ""),
            ("cluster=\" blue \"", " blue "), ("cluster=\"", "\""), ("cluster=red\ncluster=blue", "blue"),
            ("#cluster=red\n;cluster=red\ncluster=blue", "blue"), ("cluster=blue\r\nroles=api\r\n", "blue"),
        ])
    func lines(_ text: String, _ value: String) throws { #expect(try sources(file: text)[.cluster].text == value) }

    @Test("an empty variable counts as not given, an empty flag or line as empty")
    func emptyValues() throws {
        let environment = try sources(environment: ["FLOTILLA_CLUSTER": ""], file: "cluster=blue")
        #expect(environment[.cluster].text == "blue")
        let flag = try sources(flags: [.cluster: ""], environment: ["FLOTILLA_CLUSTER": "blue"])
        #expect(flag[.cluster] == .init(text: "", origin: .flag))
    }

    @Test(
        "what is no setting in the file is told with its line",
        arguments: [
            (
                "cluster=a\n\nclusters=b",
                "agent.conf:3: there is no setting 'clusters'; did you mean 'cluster'? see 'node-agent run --help'"
            ),
            ("session_ttl=5", "agent.conf:1: there is no setting 'session_ttl'; did you mean 'session-ttl'? see"),
            (
                "FLOTILLA_ROLE=api",
                "agent.conf:1: there is no setting 'FLOTILLA_ROLE'; did you mean 'FLOTILLA_ROLES'? see"
            ),
            (
                "FLOTILLA_ENDPOINT=x",
                "agent.conf:1: there is no setting 'FLOTILLA_ENDPOINT'; see 'node-agent run --help'"
            ),
            ("# x\nhello", "agent.conf:2: expected NAME=VALUE, found 'hello'"),
            ("=x", "agent.conf:1: there is no setting ''"),
            ("cluster=a\r\nhello\r\n", "agent.conf:2: expected NAME=VALUE, found 'hello'"),
        ])
    func refusedLines(_ text: String, _ words: String) throws {
        let error = try #require(throws: SettingsError.self) { try sources(file: text) }
        #expect(error.message.hasPrefix(words))
        #expect(!error.message.contains { $0.isNewline })
    }

    @Test("variables of others are none of our business, and one near a setting's name brings a warning")
    func otherVariables() throws {
        let others = [
            "FLOTILLA_ENDPOINT": "unix:/x", "FLOTILLA_PROFILE": "a", "FLOTILLA_PROFILES": "/x", "FLOTILLA_TUNNEL": "a",
            "FLOTILLA_CA_FILE": "/x", "FLOTILLA_CERT_FILE": "/x", "FLOTILLA_KEY_FILE": "/x", "CLUSTER": "red",
            "PATH": "/bin", "CLUSTR": "red", "FLOTILLA_GARD": "",
        ]
        let all = try sources(environment: others)
        for key in SettingKey.allCases { #expect(all[key].origin == .builtIn) }
        #expect(all.warnings.isEmpty)
        let slip = try sources(environment: ["FLOTILLA_SESION_TTL": "9"])
        #expect(slip[.sessionTTL].origin == .builtIn)
        #expect(
            slip.warnings == [
                "FLOTILLA_SESION_TTL of the environment is no setting, and is not followed; did you mean "
                    + "'FLOTILLA_SESSION_TTL'?"
            ])
    }

    @Test("the report lists every setting once with its value and origin")
    func report() throws {
        let lines = try sources(flags: [.cluster: "blue"], environment: ["FLOTILLA_ROLES": "api"], file: "guard=off")
            .report
        #expect(lines.count == SettingKey.allCases.count)
        for (line, key) in zip(lines, SettingKey.allCases) {
            let words = line.split(separator: " ").map(String.init)
            let (value, origin) =
                switch key {
                case .cluster: ("blue", "(flag)")
                case .roles: ("api", "(environment)")
                case .guardUnit: ("off", "(agent.conf:1)")
                default: (key.defaultText.isEmpty ? "-" : key.defaultText, "(default)")
                }
            #expect(words == [key.rawValue, value, origin])
        }
    }
}
