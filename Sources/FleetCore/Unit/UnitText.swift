// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a line of a unit file is made of: white space, comments and continuations.
///
/// All work is on bytes or scalars, never on `Character`: CR LF is one `Character` in Swift, and a unit file is bytes.
enum UnitText {
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let backslash = UInt8(ascii: "\\")

    /// White space by Unicode's property, whose table is slow to ask for what nearly all text consists of.
    static func isWhite(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return scalar.properties.isWhitespace }
        return scalar == " " || (0x09...0x0D).contains(scalar.value)
    }

    /// `text` without white space at its ends, by Unicode's property, as fleet trims names and values.
    static func trimmed(_ text: Substring) -> Substring {
        var scalars = text.unicodeScalars
        while let first = scalars.first, isWhite(first) { scalars.removeFirst() }
        while let last = scalars.last, isWhite(last) { scalars.removeLast() }
        return Substring(scalars)
    }

    /// Whether the line's first visible character is `#` or `;`.
    static func isComment(_ line: Substring) -> Bool {
        let first = line.unicodeScalars.first { !isWhite($0) }
        return first == "#" || first == ";"
    }

    /// Whether systemd joins the next line to this one: it ends in an odd number of backslashes.
    ///
    /// fleet joins after an even number too; systemd, which runs the unit, takes an even number as escaped backslashes.
    static func continues(_ line: Substring) -> Bool {
        !line.utf8.reversed().prefix { $0 == backslash }.count.isMultiple(of: 2)
    }

    /// Whether fleet takes the line after this comment as comment too: it ends in a backslash, or in one and a space.
    static func commentContinues(_ line: Substring) -> Bool {
        var bytes = line.utf8
        if bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
        return bytes.last == backslash
    }

    /// Whether a value, lines parted by newlines, would have systemd go on reading: its last line that is no comment
    /// continues.
    static func isOpen(_ value: Substring) -> Bool {
        var open = false
        for (index, line) in lines(of: value).enumerated() where index == 0 || !isComment(line) {
            open = continues(line)
        }
        return open
    }

    /// A value in the form fleet keeps it in: trimmed, continuations and their newlines included.
    ///
    /// A newline is put after a value that would otherwise swallow the option after it: always when it ends in a
    /// continuation, and when `closed` says so if it ends in a comment inside of one.
    static func normalized(_ value: Substring, closed: Bool) -> String {
        let text = trimmed(value)
        guard isOpen(text), closed || continues(text) else { return String(text) }
        return String(text) + "\n"
    }

    /// What systemd makes of a value's lines: comment lines dropped, each continuation a space, trimmed
    /// (systemd.syntax(7)).
    static func joined(_ lines: [Substring]) -> String {
        var whole = ""
        for (index, line) in lines.enumerated() where index == 0 || !isComment(line) {
            if continues(line) {
                whole += Substring(line.utf8.dropLast())
                whole += " "
            } else {
                whole += line
            }
        }
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let bytes = whole.utf8.drop(while: isBlank)
        return String(Substring(bytes.prefix(bytes.count - bytes.reversed().prefix(while: isBlank).count)))
    }

    /// How many lines end in `text`: at LF, CR LF or CR, as systemd ends them.
    static func lineBreaks(in text: String) -> Int {
        var count = 0
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == carriageReturn || byte == newline && previous != carriageReturn { count += 1 }
            previous = byte
        }
        return count
    }

    static func lines(of value: Substring) -> [Substring] {
        value.utf8.split(separator: newline, omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// The words of `text`, parted by white space.
    static func words(of text: String) -> [String] {
        text.unicodeScalars.split(whereSeparator: isWhite).map { String($0) }
    }
}
