// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The one place where text from elsewhere is made fit for a person's terminal.
///
/// A description, a reason or a unit's own words may hold control characters, which would colour, move or rename what the person sees,
/// and marks that turn the direction of writing, which would show other words than there are.
package enum Printable {
    /// `text` with each such character written out as `\x1b` or `\u202e`; tabs and newlines stay.
    package static func text(_ text: some StringProtocol) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return String(text) }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar) { safe += written(scalar) } else { safe.unicodeScalars.append(scalar) }
        }
        return safe
    }

    /// `text` as one line of a table or report: tabs and newlines are written out, too.
    package static func line(_ text: some StringProtocol) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": safe += "\\n"
            case "\t": safe += "\\t"
            case _ where isUnsafe(scalar): safe += written(scalar)
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    /// Whether a terminal would obey the character, or show others in another order for it.
    package static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    private static func written(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let isByte = scalar.value < 0x100
        return (isByte ? "\\x" : "\\u") + String(repeating: "0", count: (isByte ? 2 : 4) - digits.count) + digits
    }
}
