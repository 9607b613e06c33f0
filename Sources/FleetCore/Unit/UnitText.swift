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

    /// What systemd takes as white space in a unit file: blank, tab, LF and CR, and nothing else of ASCII or Unicode.
    static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == newline || byte == carriageReturn
    }

    /// `text` without white space at its ends, as systemd trims lines, names and values.
    static func trimmed(_ text: Substring) -> Substring {
        let bytes = text.utf8.drop(while: isBlank)
        return Substring(bytes.prefix(bytes.count - bytes.reversed().prefix(while: isBlank).count))
    }

    /// Whether the line's first visible character is `#` or `;`.
    static func isComment(_ line: Substring) -> Bool {
        let first = line.utf8.first { !isBlank($0) }
        return first == UInt8(ascii: "#") || first == UInt8(ascii: ";")
    }

    /// How many bytes end the line that `bytes` begin after: LF, CR, or the two of them in either order, as for systemd.
    static func lineEnd(_ bytes: Substring.UTF8View) -> Int {
        guard let first = bytes.first else { return 0 }
        let other = first == newline ? carriageReturn : newline
        return bytes.dropFirst().first == other ? 2 : 1
    }

    /// Whether systemd joins the next line to this one: it ends in an odd number of backslashes.
    ///
    /// fleet joins after an even number too; systemd, which runs the unit, takes an even number as escaped backslashes.
    static func continues(_ line: Substring) -> Bool {
        !line.utf8.reversed().prefix { $0 == backslash }.count.isMultiple(of: 2)
    }

    /// Whether the line would continue but for the blanks after its backslash, which systemd then takes as text.
    static func isAlmostContinued(_ line: Substring) -> Bool { !continues(line) && continues(trimmed(line)) }

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
        return String(trimmed(whole[...]))
    }

    /// How many lines end in `text`: at LF, CR, or the two of them in either order, as systemd ends them.
    static func lineBreaks(in text: String) -> Int {
        var count = 0
        var rest = text[...].utf8
        while let end = rest.firstIndex(where: { $0 == newline || $0 == carriageReturn }) {
            count += 1
            rest = rest[end...].dropFirst(lineEnd(rest[end...]))
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

    /// The words of `text` as systemd takes those of `[Install]`.
    ///
    /// They are parted by blanks outside of quotes, which vanish wherever they stand; a backslash is a character like any other.
    /// Quotes that do not close end the list before their word.
    static func unquotedWords(of text: String) -> [String] {
        var words: [String] = []
        var word: [UInt8]?
        var quote: UInt8?
        for byte in text.utf8 {
            if byte == quote {
                quote = nil
            } else if quote == nil, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
                word = word ?? []
            } else if quote == nil, isBlank(byte) {
                if let word { words.append(String(decoding: word, as: UTF8.self)) }
                word = nil
            } else {
                word = (word ?? []) + [byte]
            }
        }
        if let word, quote == nil { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}
