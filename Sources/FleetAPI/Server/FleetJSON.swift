// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Bodies on fleet's paths, read as fleet's server reads them.
///
/// Names of members are taken in any case, as Go's decoder does: `DesiredState` is `desiredState`. Of a member given twice in one
/// object the last that is not null counts.
enum FleetJSON {
    /// The members that those bodies have.
    private static let members = [
        "name", "options", "desiredState", "currentState", "machineID", "contents", "restarts", "reason", "section",
        "value", "op", "path",
    ]

    private static let byLowerCase = Dictionary(uniqueKeysWithValues: members.map { ($0.lowercased(), $0) })

    /// Reads a body.
    ///
    /// - Throws: Foundation's error, also where only a member that does not count has the wrong type, as in Go.
    static func decode<Value: Decodable>(_ type: Value.Type, from body: [UInt8]) throws -> Value {
        let value = try decoder.decode(type, from: Data(body))
        guard let once = withoutRepeats(body) else { return value }
        return try decoder.decode(type, from: Data(once))
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path[path.count - 1]
            return canonical(key.stringValue).map { Member(stringValue: $0) } ?? key
        }
        return decoder
    }

    private static func canonical(_ name: String) -> String? { byLowerCase[name.lowercased()] }

    /// The body with blanks for the names of members that do not count, since Foundation takes the first of two.
    ///
    /// - Parameter body: JSON that Foundation has read; of anything else it makes nothing useful, but something.
    /// - Returns: `nil` when no object has a member twice.
    private static func withoutRepeats(_ body: [UInt8]) -> [UInt8]? {
        var result = body
        var hasRepeats = false
        // Per object or array that is open, the place of each name between its quotes.
        var open: [[String: Range<Int>]] = []
        var text = 0..<0
        var at = 0
        while at < body.count {
            switch body[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): open.append([:])
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
            case UInt8(ascii: "\""):
                text = string(in: body, after: at)
                at = text.upperBound
            case UInt8(ascii: ":"):
                // Outside a text a colon stands behind a name only.
                guard !open.isEmpty, let name = member(called: body[text]) else { break }
                let last = open.count - 1
                guard let former = open[last][name] else {
                    open[last][name] = text
                    break
                }
                let saysNothing = isNull(in: body, after: at)
                for place in saysNothing ? text : former { result[place] = UInt8(ascii: " ") }
                if !saysNothing { open[last][name] = text }
                hasRepeats = true
            default: break
            }
            at += 1
        }
        return hasRepeats ? result : nil
    }

    /// The place of the text whose quote stands at `quote`, without its quotes.
    private static func string(in body: [UInt8], after quote: Int) -> Range<Int> {
        var end = quote + 1
        while end < body.count, body[end] != UInt8(ascii: "\"") { end += body[end] == UInt8(ascii: "\\") ? 2 : 1 }
        return quote + 1..<max(quote + 1, min(end, body.count))
    }

    /// The member that a name in a body means; `nil` for one that is not read.
    private static func member(called text: ArraySlice<UInt8>) -> String? {
        guard text.contains(UInt8(ascii: "\\")) else { return canonical(String(decoding: text, as: UTF8.self)) }
        let quote = [UInt8(ascii: "\"")]
        let name = try? JSONDecoder().decode(String.self, from: Data(quote + Array(text) + quote))
        return name.flatMap { canonical($0) }
    }

    private static func isNull(in body: [UInt8], after colon: Int) -> Bool {
        let value = body[(colon + 1)...].first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return value == UInt8(ascii: "n")
    }

    private struct Member: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
