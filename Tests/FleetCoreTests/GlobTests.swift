// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// The dialect is that of Go's package `path`, function `Match`; each row follows from its documentation.
@Suite struct GlobTests {
    @Test(
        "a pattern matches whole names",
        arguments: [
            ("web.service", "web.service"), ("*", ""), ("*", "web.service"), ("celix@*.service", "celix@1.service"),
            ("celix@*.service", "celix@.service"), ("*.service", "a.service"), ("web*", "web"), ("**", "x"),
            ("a*b*c", "aXbYbZc"), ("*a*", "bab"), ("*aab", "aaaab"), ("a?c", "abc"), ("?", "☺"), ("a*/b", "axx/b"),
            ("[a-c]x", "bx"), ("[^a-c]x", "dx"), ("[^a]", "/"), ("[abc0-9]", "7"), ("[!a]", "!"), ("[a^]", "^"),
            ("[a-ζ]", "α"), (#"a\*b"#, "a*b"), (#"\[a]"#, "[a]"), (#"[\]]"#, "]"), (#"[\-x]"#, "-"), (#"[a\-z]"#, "-"),
            ("[*]", "*"), ("[?]?", "?x"), ("]", "]"), ("a-b", "a-b"), ("{a,b}", "{a,b}"), ("", ""),
            (#"a\bc"#, "abc"), (#"my\x2dapp@*.service"#, #"my\x2dapp@1.service"#), (#"my\\x2dapp"#, #"my\x2dapp"#),
            (#"a\xyz"#, "axyz"), (#"a\x2"#, "ax2"), ("*[0-9].timer", "job7.timer"), ("e\u{301}", "e\u{301}"),
        ])
    func matches(pattern: String, text: String) {
        #expect(Glob(pattern).isValid)
        #expect(Glob(pattern).matches(text))
    }

    @Test(
        "a pattern matches nothing else",
        arguments: [
            ("web.service", "web.service2"), ("web", "xweb"), ("", "a"), ("*", "a/b"), ("a*", "ab/c"), ("?", "/"),
            ("?", ""), ("?", "ab"), ("a*b", "a/b"), ("ab*ba", "aba"), ("*.service", "a.timer"), ("a*b*c", "aXbY"),
            ("[a-c]x", "dx"), ("[^a-c]x", "bx"), ("[c-a]", "b"), ("[!a]", "b"), (#"a\*b"#, "axb"), ("Web*", "web1"),
            ("e\u{301}", "\u{E9}"), ("a*", "/a"), ("[^a-z]", ""), ("[c-a]", "-"),
        ])
    func rejects(pattern: String, text: String) {
        #expect(Glob(pattern).isValid)
        #expect(!Glob(pattern).matches(text))
    }

    @Test(
        "a bad pattern is known as such and matches nothing",
        arguments: [
            "[", "[a", "[^", "[^a", "[]", "[]a]", "[^]", "[-]", "[-a]", "[a-]", "[a-b-c]", "[a--]", "[+--]", "a[",
            #"\"#, #"a\"#, #"[\"#, #"[\]"#, #"[a-\"#, "*[", #"web*\"#,
        ])
    func bad(pattern: String) {
        #expect(!Glob(pattern).isValid)
        for text in ["", pattern, "a", "-", "]", "[", "web", "b"] { #expect(!Glob(pattern).matches(text)) }
    }

    @Test("many stars end in bounded time")
    func manyStars() {
        let pattern = Glob(String(repeating: "a*", count: 100) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 2000)))
        #expect(pattern.matches(String(repeating: "a", count: 2000) + "b"))
    }

    @Test("every short pattern of stars, marks and letters agrees with the definition")
    func exhaustive() {
        let patterns = Self.words(of: ["a", "b", "*", "?", "/"], upTo: 4)
        let texts = Self.words(of: ["a", "b", "/"], upTo: 4)
        for pattern in patterns {
            let glob = Glob(String(pattern))
            for text in texts where glob.matches(String(text)) != Self.defined(pattern[...], text[...]) {
                Issue.record("\(String(pattern)) on \(String(text)) is \(glob.matches(String(text)))")
            }
        }
    }

    /// The definition, word by word, without any cleverness.
    private static func defined(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        switch first {
        case "*":
            for count in 0...text.count where !text.prefix(count).contains("/") {
                if defined(rest, text.dropFirst(count)) { return true }
            }
            return false
        case "?": return text.first.map { $0 != "/" && defined(rest, text.dropFirst()) } ?? false
        default: return text.first == first && defined(rest, text.dropFirst())
        }
    }

    private static func words(of letters: [Character], upTo length: Int) -> [[Character]] {
        var words: [[Character]] = [[]]
        var last = words
        for _ in 0..<length {
            last = last.flatMap { word in letters.map { word + [$0] } }
            words += last
        }
        return words
    }
}
