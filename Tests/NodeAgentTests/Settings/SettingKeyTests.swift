// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Testing

@testable import NodeAgent

@Suite("names of settings")
struct SettingKeyTests {
    @Test("each setting is a flag, a variable and a line of help", arguments: SettingKey.allCases)
    func names(_ key: SettingKey) throws {
        #expect(key.flag == "--\(key.rawValue)")
        #expect(key.variable.hasPrefix("FLOTILLA_"))
        #expect(key.variable.allSatisfy { $0.isUppercase || $0 == "_" })
        #expect(!key.help.isEmpty && !key.help.contains("\n"))

        let command = try #require(try NodeAgentCommand.parseAsRoot([key.flag, "some text"]) as? RunCommand)
        #expect(command.flags.given == [key: "some text"])
        // The help breaks its lines as it likes.
        let help = RunCommand.helpMessage().split { $0.isWhitespace }.joined(separator: " ")
        let standard = key.defaultText.isEmpty ? "" : " (default: \(key.defaultText))"
        #expect(help.contains("\(key.flag) <value> \(key.help)\(standard)"))
    }

    @Test(
        "names that others rely on are as the design fixes them",
        arguments: [
            (SettingKey.etcdEndpoints, "FLOTILLA_ETCD_ENDPOINTS"), (.cluster, "FLOTILLA_CLUSTER"),
            (.publicIP, "FLOTILLA_PUBLIC_IP"), (.metadata, "FLOTILLA_METADATA"), (.apiListen, "FLOTILLA_API_LISTEN"),
            (.sessionTTL, "FLOTILLA_SESSION_TTL"), (.roles, "FLOTILLA_ROLES"),
        ])
    func fixedNames(_ key: SettingKey, _ variable: String) { #expect(key.variable == variable) }

    @Test("what is not given stays out of the flags")
    func nothingGiven() throws {
        let command = try #require(try NodeAgentCommand.parseAsRoot(["--check"]) as? RunCommand)
        #expect(command.flags.given.isEmpty)
        #expect(command.check)
    }
}
