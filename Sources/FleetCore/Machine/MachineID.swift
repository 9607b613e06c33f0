// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The identity of a machine: the content of its `/etc/machine-id`, 32 lowercase hexadecimal digits.
package struct MachineID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Accepts exactly 32 hexadecimal digits in lower case, as machine-id(5) defines them; anything else is `nil`.
    package init?(_ text: String) {
        let digits = text.utf8
        guard digits.count == 32, digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.rawValue = text
    }

    /// The first eight digits, which fleet's tables and its `MachineID=` option use.
    package var short: String { String(rawValue.prefix(8)) }

    /// Whether it is the id of zeros, which machine-id(5) gives to no machine.
    package var isNull: Bool { rawValue.utf8.allSatisfy { $0 == 0x30 } }

    package var description: String { rawValue }

    package static func < (left: MachineID, right: MachineID) -> Bool { left.rawValue < right.rawValue }
}
