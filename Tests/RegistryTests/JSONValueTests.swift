// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Registry
import Testing

@Suite struct JSONValueTests {
    @Test(
        "what is read is written again unchanged",
        arguments: [
            "null", "true", "false", "0", "-0", "-12.50", "1e400", "123456789012345678901234567890", "0.1E-7",
            #""""#, #""a\"b\\c\nd\re\tf\u0001\u001f""#, #""grün 🚢""#, "[]", "{}", "[1,[2,{}],null]",
            #"{"b":1,"a":{"x":[true]},"c":"z"}"#, #"{"a":1,"a":2}"#,
        ])
    func roundTrip(_ text: String) throws {
        #expect(String(decoding: try JSONValue(parsing: Array(text.utf8)).bytes, as: UTF8.self) == text)
    }

    @Test(
        "escapes and blanks are understood",
        arguments: [
            (#""\u0041\/\b\f""#, #""A/\u0008\u000c""#), (#""\uD83D\uDEA2""#, "\"🚢\""), (" [ 1 ,\n\t2 ]\r", "[1,2]"),
            (#" { "a" : 1 , "b" : "\u00e4" } "#, #"{"a":1,"b":"ä"}"#),
        ])
    func meaning(_ text: String, _ same: String) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)) == JSONValue(parsing: Array(same.utf8)))
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "nul", "nullx", "tru", "+1", "01", "1.", ".5", "1e", "-", "--1", "0x1", "NaN", "'a'", "\"a",
            "\"\\", "\"\\x\"", #""\u12"#, #""\u12g4""#, #""\uD800""#, #""\uD800A""#, #""\uDC00""#, "\"a\nb\"",
            "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{1:2}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#,
            #"{"a":1 "b":2}"#, "1 2", "]", "}",
        ])
    func refusal(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "text that is not UTF-8 is refused",
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0x5C, 0x6E, 0xC0, 0x80, 0x22], [0xEF, 0xBB, 0xBF, 0x31],
        ] as [[UInt8]])
    func notUTF8(_ bytes: [UInt8]) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: bytes) }
    }

    @Test("deep nesting is refused before it exhausts the stack")
    func depth() throws {
        let deep = Array(repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: deep) }
        let fine = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(String(decoding: try JSONValue(parsing: Array(fine.utf8)).bytes, as: UTF8.self) == fine)
    }

    @Test("setting a field keeps its place, setting nil removes it")
    func fields() {
        var object = JSONObject()
        object["a"] = .number(1)
        object["b"] = .null
        object["a"] = .bool(true)
        #expect(object.fields.map(\.name) == ["a", "b"])
        #expect(object["a"] == .bool(true))
        object["a"] = nil
        #expect(object.fields.map(\.name) == ["b"])
        #expect(object["a"] == nil)
    }

    @Test("arbitrary bytes never trap")
    func garbage() throws {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array(#"{}[]",:\u0019dDeE+-. tfnrals"#.utf8) + [0xFF, 0x00, 0xC3]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in alphabet.randomElement()! }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect(try JSONValue(parsing: value.bytes) == value)
        }
    }
}
