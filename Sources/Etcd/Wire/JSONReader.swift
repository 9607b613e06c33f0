// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a text is not the JSON that was expected.
struct JSONError: Error, Hashable {
    /// Position of the byte that surprised.
    var offset: Int
    var expected: String
}

/// Reads JSON from front to back, value by value, without building a tree.
///
/// The answers that matter are thousands of small objects whose values are base64; a general decoder spends most of its time on
/// trees and strings that nobody wants. Every `null` reads as the empty value, as in the JSON form of protocol buffers.
struct JSONReader {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Calls `field` for each member of an object; it must read or skip the value.
    mutating func object(
        _ field: (String, inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        if skipNull() { return }
        try expect("{")
        if take("}") { return }
        repeat {
            skipSpace()
            let name = try string()
            try expect(":")
            try field(name, &self)
        } while take(",")
        try expect("}")
    }

    /// Calls `element` for each element of an array; it must read or skip the value.
    mutating func array(_ element: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        if skipNull() { return }
        try expect("[")
        if take("]") { return }
        repeat { try element(&self) } while take(",")
        try expect("]")
    }

    mutating func bool() throws(JSONError) -> Bool {
        if skipNull() || skipWord("false") { return false }
        if skipWord("true") { return true }
        throw JSONError(offset: position, expected: "true or false")
    }

    /// A whole number, bare or, as 64-bit numbers are sent, in quotes.
    mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(JSONError) -> Number {
        if skipNull() { return 0 }
        let isQuoted = take("\"")
        let start = position
        while position < bytes.count, bytes[position] == 0x2D || (0x30...0x39).contains(bytes[position]) {
            position += 1
        }
        guard let number = Number(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            throw JSONError(offset: start, expected: "a whole number of \(Number.bitWidth) bits")
        }
        if isQuoted, !take("\"") { throw JSONError(offset: position, expected: "\" after a number") }
        return number
    }

    mutating func string() throws(JSONError) -> String {
        if skipNull() { return "" }
        try expect("\"")
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                return String(decoding: bytes[start..<position], as: UTF8.self)
            case UInt8(ascii: "\\"):
                return try stringWithEscapes(from: start)
            default:
                position += 1
            }
        }
        throw JSONError(offset: position, expected: "the end of a string")
    }

    /// Bytes that were sent as base64.
    mutating func data() throws(JSONError) -> [UInt8] {
        if skipNull() { return [] }
        try expect("\"")
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\") {
                let text = try stringWithEscapes(from: start)
                return try decoded(Array(text.utf8)[...], at: start)
            }
            position += 1
        }
        guard position < bytes.count else { throw JSONError(offset: position, expected: "the end of a string") }
        defer { position += 1 }
        return try decoded(bytes[start..<position], at: start)
    }

    private func decoded(_ text: ArraySlice<UInt8>, at offset: Int) throws(JSONError) -> [UInt8] {
        guard let result = Base64.decode(text) else { throw JSONError(offset: offset, expected: "base64") }
        return result
    }

    /// Passes over one value of any kind; nesting costs no stack.
    mutating func skip() throws(JSONError) {
        var depth = 0
        repeat {
            skipSpace()
            guard position < bytes.count else { throw JSONError(offset: position, expected: "a value") }
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw JSONError(offset: position, expected: "a value") }
                depth -= 1
                position += 1
            case UInt8(ascii: "\""):
                _ = try string()
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw JSONError(offset: position, expected: "a value") }
                position += 1
            default:
                try skipScalar()
            }
        } while depth > 0
    }

    /// The first byte of the next value, to tell an object from a string; `nil` at the end.
    mutating func peek() -> UInt8? {
        skipSpace()
        return position < bytes.count ? bytes[position] : nil
    }

    // MARK: Tokens

    private mutating func skipScalar() throws(JSONError) {
        let start = position
        while position < bytes.count, !",:{}[]\" \t\r\n".utf8.contains(bytes[position]) { position += 1 }
        let word = bytes[start..<position]
        let isNumber = word.allSatisfy { "+-.eE0123456789".utf8.contains($0) }
        guard isNumber || ["true", "false", "null"].contains(String(decoding: word, as: UTF8.self)) else {
            throw JSONError(offset: start, expected: "a value")
        }
    }

    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard position < bytes.count else { break }
            let escape = bytes[position]
            position += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"): text.append(contentsOf: String(try escapedScalar()).utf8)
            default: throw JSONError(offset: position - 1, expected: "a known escape")
            }
        }
        throw JSONError(offset: position, expected: "the end of a string")
    }

    /// The character of `\uXXXX` or of a pair of them, after the first `u`; half a pair reads as U+FFFD.
    private mutating func escapedScalar() throws(JSONError) -> Character {
        let first = try fourHexDigits()
        if (0xD800..<0xDC00).contains(first), bytes[position...].starts(with: [0x5C, 0x75]) {
            let before = position
            position += 2
            let second = try fourHexDigits()
            if (0xDC00..<0xE000).contains(second),
                let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            {
                return Character(scalar)
            }
            position = before
        }
        return Character(Unicode.Scalar(first) ?? "\u{FFFD}")
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        let end = position + 4
        guard end <= bytes.count, bytes[position] != UInt8(ascii: "+"), bytes[position] != UInt8(ascii: "-"),
            let value = UInt32(String(decoding: bytes[position..<end], as: UTF8.self), radix: 16)
        else { throw JSONError(offset: position, expected: "four hexadecimal digits") }
        position = end
        return value
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(truncatingIfNeeded: character.value) else {
            return false
        }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
        if !take(character) { throw JSONError(offset: position, expected: String(Character(character))) }
    }

    private mutating func skipNull() -> Bool { skipWord("null") }

    private mutating func skipWord(_ word: StaticString) -> Bool {
        skipSpace()
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count else { return false }
        for index in 0..<count where bytes[position + index] != word.utf8Start[index] { return false }
        position += count
        return true
    }
}
