// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Metadata that a machine can be given")
struct MetadataPairTests {
    @Test(
        "a key is a short word of what a path and a unit file can hold",
        arguments: [
            ("role", true), ("a.B_c-1", true), (String(repeating: "k", count: 128), true), ("...", true), ("", false),
            (".", false), ("..", false), (String(repeating: "k", count: 129), false), ("a/b", false), ("a=b", false),
            ("a b", false), ("a\n", false), ("\"a\"", false), ("ä", false), ("a,b", false),
        ])
    func keys(text: String, isGood: Bool) { #expect(MetadataPair.isKey(text) == isGood) }

    @Test(
        "a value is what a settings file gives back",
        arguments: [
            ("worker", true), ("Köln 2", true), ("it's", true), ("a:b/c", true),
            (String(repeating: "v", count: 1024), true),
            ("", false), (String(repeating: "v", count: 1025), false), ("a\nb", false), ("a\r", false),
            ("a\u{0}", false),
            ("a\u{85}b", false), ("a\u{2028}b", false), ("a\u{7F}", false), ("a\"b", false), ("a\\b", false),
            ("a,b", false),
            ("a=b", false), (" a", false), ("a ", false), ("a\u{3000}", false),
        ])
    func values(text: String, isGood: Bool) {
        #expect(MetadataPair.isValue(text) == isGood)
        #expect((MetadataPair.complaint("zone", text) == nil) == isGood)
    }

    @Test("what is wrong is said in one line, also of what nobody could read")
    func complaints() throws {
        let words = try #require(MetadataPair.complaint(["a": "b", "zone": "x\ny"]))
        #expect(words.hasPrefix("the value of zone cannot stand in a machine's settings") && !words.contains("\n"))
        #expect(try #require(MetadataPair.complaint(String(repeating: "/", count: 60_000), "v")).count < 300)
        let many = Dictionary(uniqueKeysWithValues: (0..<40).map { ("k\($0)", String(repeating: "v", count: 1000)) })
        #expect(try #require(MetadataPair.complaint(many)).contains("a machine may have 32768"))
        #expect(MetadataPair.complaint([:]) == nil)
    }
}
