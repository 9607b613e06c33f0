// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// An operation's name, which the client makes: asked for twice under one name it is one operation.
///
/// 1 to 40 of a-z, 0-9 and -, a letter or a digit in front: it is part of a key, a path and a command line.
package struct OperationID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// The longest name, in characters.
    package static let longest = 40

    /// - Returns: `nil` when the text is no such name.
    package init?(_ text: String) {
        let bytes = text.utf8
        func isPlain(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = bytes.first, isPlain(first), bytes.count <= Self.longest,
            bytes.allSatisfy({ isPlain($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        rawValue = text
    }

    package static func < (one: OperationID, other: OperationID) -> Bool { one.rawValue < other.rawValue }

    package var description: String { rawValue }
}
