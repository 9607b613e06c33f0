// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Hash of a text: 40 lowercase hexadecimal digits of SHA-1, the function that fleet uses.
package struct ContentHash: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Accepts exactly 40 hexadecimal digits in lower case; anything else is `nil`.
    package init?(_ text: String) {
        let digits = text.utf8
        guard digits.count == 40, digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.rawValue = text
    }

    package init(of text: String) { self.rawValue = SHA1.hexDigest(of: text.utf8) }

    /// The first seven digits, as tables show them.
    package var short: String { String(rawValue.prefix(7)) }

    package var description: String { rawValue }

    package static func < (left: ContentHash, right: ContentHash) -> Bool { left.rawValue < right.rawValue }
}
