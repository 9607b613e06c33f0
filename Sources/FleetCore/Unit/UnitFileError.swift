// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a text is no unit file, or a list of options none.
package struct UnitFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// More than `UnitFile.sizeLimit` bytes.
        case tooLarge
        /// A run of `UnitFile.lineLimit` bytes or more without a newline, in a list of options.
        case lineTooLong
        /// A NUL byte.
        case nulByte
        /// A byte order mark that begins another line than the first.
        case strayMark
        /// Something other than blank lines and comments before the first section.
        case outsideSection
        /// A line that starts with `[` and is no section header.
        case badSection
        /// A line in a section that assigns nothing, or assigns to no name.
        case badAssignment
        /// An option that written as text would not be read back as it was given.
        case badOption
    }

    package let code: Code
    /// The line at fault, from 1; `nil` where no single line is.
    package let line: Int?
    /// What is wrong, in one line.
    package let text: String
    /// `text` with the line's number in front.
    package var message: String { line.map { "line \($0): \(text)" } ?? text }
    /// A unit file does not mend itself.
    package var isTransient: Bool { false }

    init(_ code: Code, line: Int? = nil, _ message: String) {
        self.code = code
        self.line = line
        self.text = message
    }

    package var description: String { message }
}

extension UnitFileError {
    /// `text` for a message: in quotes, control characters escaped, cut to 60 scalars.
    static func quoted(_ text: some StringProtocol) -> String {
        let shown = text.unicodeScalars.prefix(60).map { scalar in
            switch scalar.value {
            case 0..<0x09, 0x0B, 0x0C, 0x0E..<0x20, 0x7F...0x9F:
                "\\x" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default: scalar.escaped(asASCII: false)
            }
        }.joined()
        return "\"\(shown)\(text.unicodeScalars.count > 60 ? "..." : "")\""
    }
}
