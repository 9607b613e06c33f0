// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Etcd

struct JSONReaderTests {
    @Test(
        "strings are read with every escape",
        arguments: [
            (#""""#, ""), (#""plain""#, "plain"), (#" "after space""#, "after space"), (#""ü𝄞""#, "ü𝄞"),
            (#""a\"b\\c\/d""#, "a\"b\\c/d"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"), (#""\u00fc\u20AC""#, "ü€"),
            (#""\ud834\udd1e""#, "𝄞"), (#""\ud834x""#, "\u{FFFD}x"), (#""\udd1e""#, "\u{FFFD}"),
            (#""\ud834\u0041""#, "\u{FFFD}A"), ("null", ""),
        ])
    func strings(json: String, value: String) throws {
        var reader = JSONReader(Array(json.utf8))
        #expect(try reader.string() == value)
        #expect(reader.peek() == nil)
    }

    @Test(
        "broken strings are refused",
        arguments: [#""open"#, #""open\"#, #""\x""#, #""\u12""#, #""\u12g4""#, #""\u+123""#, "", "bare", "1"])
    func brokenStrings(json: String) {
        #expect(throws: JSONError.self) {
            var reader = JSONReader(Array(json.utf8))
            _ = try reader.string()
        }
    }

    @Test(
        "64-bit numbers are read with and without quotes",
        arguments: [
            ("0", 0), ("-1", -1), ("\"17\"", 17), (" 42", 42), ("null", 0),
            ("\"9223372036854775807\"", Int64.max), ("\"-9223372036854775808\"", Int64.min),
        ])
    func integers(json: String, value: Int64) throws {
        var reader = JSONReader(Array(json.utf8))
        #expect(try reader.integer() == value)
    }

    @Test("identities use all 64 bits")
    func unsigned() throws {
        var reader = JSONReader(Array("\"18446744073709551615\"".utf8))
        #expect(try reader.integer(UInt64.self) == .max)
    }

    @Test(
        "what is no number of 64 bits is refused",
        arguments: ["", "x", "\"\"", "\"1", "--1", "1-", "\"9223372036854775808\"", "\"1.5\"", "true", "[]"])
    func brokenIntegers(json: String) {
        #expect(throws: JSONError.self) {
            var reader = JSONReader(Array(json.utf8))
            let _: Int64 = try reader.integer()
        }
    }

    @Test("an object gives its members in order, and unknown ones are passed over")
    func object() throws {
        let json = #" { "a" : "1" , "skip":{"deep":[1,-2.5e3,{"x":"}\""}],"t":true}, "b":[ "x" , "y" ], "c": false } "#
        var reader = JSONReader(Array(json.utf8))
        var seen: [String] = []
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "a": seen.append("a\(try reader.integer(Int.self))")
            case "b": try reader.array { (reader) throws(JSONError) in seen.append(try reader.string()) }
            case "c": seen.append("c\(try reader.bool())")
            default: try reader.skip()
            }
        }
        #expect(seen == ["a1", "x", "y", "cfalse"])
        #expect(reader.peek() == nil)
    }

    @Test("empty objects and arrays, and null for them, hold nothing", arguments: ["{}", "{ }", "null", " { } "])
    func empty(json: String) throws {
        var reader = JSONReader(Array(json.utf8))
        try reader.object { (name, _) throws(JSONError) in
            Issue.record("there is no member \(name)")
            throw JSONError(offset: 0, expected: "nothing")
        }
    }

    @Test(
        "what is broken is refused, not guessed",
        arguments: [
            "", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}", "{\"a\":[}",
            "{\"a\":nope}", "{\"a\":,}", "{\"a\":\"}",
        ])
    func brokenObjects(json: String) {
        #expect(throws: JSONError.self) {
            var reader = JSONReader(Array(json.utf8))
            try reader.object { (_, reader) throws(JSONError) in try reader.skip() }
        }
    }

    @Test("nesting that is far too deep is passed over without running out of stack")
    func deep() throws {
        let depth = 200_000
        let json = "{\"a\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        var reader = JSONReader(Array(json.utf8))
        try reader.object { (_, reader) throws(JSONError) in try reader.skip() }
        #expect(reader.peek() == nil)
    }

    @Test("any cut of a real answer is refused, and no cut makes it crash")
    func cuts() throws {
        let json =
            #"{"header":{"cluster_id":"1","revision":"9"},"kvs":[{"key":"YQ==","mod_revision":"3","#
            + #""value":"AQID","lease":"-5"}],"more":true,"count":"1"}"#
        let bytes = Array(json.utf8)
        let whole = try RangeAnswer(bytes)
        #expect(whole.keys.map(\.value) == [[1, 2, 3]])
        #expect(whole.keys.map(\.lease) == [LeaseID(-5)])
        #expect(whole.more)
        for end in bytes.indices {
            #expect(throws: JSONError.self) { try RangeAnswer(Array(bytes[..<end])) }
        }
    }

    @Test("any changed byte of a real answer is read or refused, never a crash")
    func changedBytes() throws {
        let json =
            #"{"result":{"header":{"cluster_id":"1"},"events":[{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"3"}}]}}"#
        let bytes = Array(json.utf8)
        var refused = 0
        for index in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = bytes
                changed[index] = byte
                do { _ = try Streamed<WatchAnswer>(changed) } catch { refused += 1 }
            }
        }
        #expect(refused > bytes.count)
    }
}
