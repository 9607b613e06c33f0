// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Identity

@Suite("Names in certificates")
struct PrincipalTests {
    private static let id = String(repeating: "0a", count: 16)

    @Test("a principal's URI is read as it was written")
    func roundTrip() {
        for principal in [Principal.machine(Self.id), .user("ada"), .user("a.b_c-d"), .user("A1")] {
            let found = Principal.parse(uri: principal.uri(cluster: "blue"))
            #expect(found?.principal == principal)
            #expect(found?.cluster == "blue")
        }
        #expect(Principal.machine(Self.id).uri(cluster: "blue") == "flotilla://blue/machine/\(Self.id)")
        #expect("\(Principal.user("ada"))" == "user:ada")
        #expect("\(Principal.machine(Self.id))" == "machine:\(Self.id)")
    }

    @Test("no name that a person gives can pass for another's", arguments: ["a/b", "machine/\(id)", "", "..", "a\n"])
    func noInjection(name: String) {
        #expect(Principal.parse(uri: Principal.user(name).uri(cluster: "blue")) == nil)
        #expect(Principal.parse(uri: Principal.user("ada").uri(cluster: name)) == nil)
    }

    @Test(
        "a name is a short word",
        arguments: ["a", "ada.lovelace", "A-1_b", "0", String(repeating: "x", count: 64)])
    func names(text: String) {
        #expect(Principal.isName(text))
    }

    @Test(
        "a name holds no path tricks, spaces, quotes or what a shell would read",
        arguments: [
            "", ".", "..", ".a", "-a", "a/b", "a\\b", "a b", "a\n", "a\0", "$(id)", "a;b", "a'b", "a\"b", "a:b", "a@b",
            "ä", "a\u{301}", ".\u{301}a", "%2e", "*", String(repeating: "x", count: 65),
        ])
    func noNames(text: String) {
        #expect(!Principal.isName(text))
    }

    @Test("a machine id is 32 hexadecimal digits in lower case, and not zeros alone")
    func machineIDs() {
        #expect(Principal.isMachineID(Self.id))
        #expect(Principal.isMachineID(String(repeating: "f9", count: 16)))
        let short = String(Self.id.dropLast())
        for text in [
            String(repeating: "0", count: 32), Self.id.uppercased(), Self.id + "0", short, short + "g", "",
            short + "\n", "../" + short.dropFirst(2),
        ] {
            #expect(!Principal.isMachineID(text), "\(text)")
        }
    }
}
