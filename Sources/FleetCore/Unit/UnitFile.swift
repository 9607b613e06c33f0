// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The text of a systemd unit, with every line kept, and what it says.
///
/// Two files are equal when their texts are, byte for byte: comments and blank lines are part of the file.
package struct UnitFile: Sendable {
    /// Most bytes that a unit file may have; also the longest line that systemd reads.
    package static let sizeLimit = 1 << 20

    /// Bytes without a newline from which fleet's API refuses a unit: the LINE_MAX of older systemd, which cut lines there.
    package static let lineLimit = 2048

    /// The text as its author wrote it.
    package let text: String

    /// SHA-1 of `text`, by which records name the file; of canonical text, such as fleet's clients send, it is fleet's hash.
    package private(set) var hash: ContentHash

    /// Whether `text` is `canonicalText`, so that `options` alone give all of it.
    package let isCanonical: Bool

    /// Every assignment in the order of the text, read once.
    let entries: [UnitFileReader.Entry]

    /// Reads a unit file.
    ///
    /// Keeps comments, blank lines, repeated names, CR LF line ends, a byte order mark and a missing newline at the end.
    ///
    /// - Throws: `UnitFileError`, with the line, for text over `sizeLimit` or that is not in systemd's syntax.
    package init(parsing text: String) throws(UnitFileError) {
        self.init(text: text, entries: try UnitFileReader(text).entries)
    }

    /// Makes a unit file of the options that a client of fleet's API sends; its text is their canonical text.
    ///
    /// Values are brought into the form that the reader gives them, so that storing the text and reading it again changes
    /// neither options nor hash.
    ///
    /// - Throws: `UnitFileError` for a section or name that cannot be written down, a value with a newline that no
    ///   backslash precedes, a line of `lineLimit` bytes or more unless the options are of a file that is `stored`, or text
    ///   over `sizeLimit`.
    package init(options: [UnitOption], stored: Bool = false) throws(UnitFileError) {
        var normalized: [UnitOption] = []
        for (index, option) in options.enumerated() {
            normalized.append(try Self.writable(option, number: index + 1))
        }
        let text = UnitOption.canonicalText(of: normalized)
        for line in text.utf8.split(whereSeparator: { $0 == UnitText.newline || $0 == UnitText.carriageReturn })
        where line.count >= Self.lineLimit && !stored {
            throw UnitFileError(
                .lineTooLong,
                "the line \(UnitFileError.quoted(Substring(line))) has \(line.count) bytes; a line may have at most "
                    + "\(Self.lineLimit - 1): continue it with a backslash")
        }
        self = try UnitFile(parsing: text)
        guard canonicalText.utf8.elementsEqual(text.utf8) else {
            throw UnitFileError(.badOption, "the options, written as a unit file, would be read back as other options")
        }
    }

    init(text: String, entries: [UnitFileReader.Entry]) {
        self.text = text
        self.entries = entries
        self.hash = ContentHash(of: text)
        self.isCanonical = UnitOption.canonicalText(of: entries.map(\.option)).utf8.elementsEqual(text.utf8)
    }

    /// This file by the name that a record has for it.
    ///
    /// Version 0.1 named files by `canonicalHash`; what it has stored, and what runs of it, keeps its name.
    package func named(_ hash: ContentHash) -> UnitFile {
        var file = self
        file.hash = hash
        return file
    }

    /// The file in fleet's model: every assignment in order, no comments.
    package var options: [UnitOption] { entries.map(\.option) }

    /// SHA-1 of `canonicalText`: the same for files that differ in comments, blank lines and order of sections alone.
    package var canonicalHash: ContentHash { ContentHash(of: canonicalText) }

    /// `options` written down again: the text that fleet keeps and hashes.
    package var canonicalText: String { UnitOption.canonicalText(of: options) }

    private static func writable(_ option: UnitOption, number: Int) throws(UnitFileError) -> UnitOption {
        func fail(_ what: String) -> UnitFileError {
            UnitFileError(
                .badOption, "option \(number) (\(UnitFileError.quoted(option.section + "/" + option.name))): \(what)")
        }
        func hasControl(_ text: String) -> Bool { text.utf8.contains { $0 == 0 || $0 == 0x0A || $0 == 0x0D } }
        let name = UnitText.trimmed(option.name[...])
        if option.section.isEmpty { throw fail("its section is empty") }
        if hasControl(option.section) || option.section.utf8.contains(UInt8(ascii: "]")) {
            throw fail("its section holds a newline, a NUL byte or \"]\"")
        }
        if name.isEmpty { throw fail("its name is empty") }
        if hasControl(option.name) || name.utf8.contains(UInt8(ascii: "=")) {
            throw fail("its name holds a newline, a NUL byte or \"=\"")
        }
        if let first = name.unicodeScalars.first, "#;[".unicodeScalars.contains(first) {
            throw fail("its name starts with \"\(first)\", which makes the line a comment or a section header")
        }
        if option.value.utf8.contains(where: { $0 == 0 || $0 == UnitText.carriageReturn }) {
            throw fail("its value holds a NUL byte or a carriage return")
        }
        let closed = option.value.utf8.last == UnitText.newline
        let value = UnitText.normalized(option.value[...], closed: closed)
        for (index, line) in UnitText.lines(of: value[...]).dropLast().enumerated()
        where line.utf8.last != UnitText.backslash && !(index > 0 && UnitText.isComment(line)) {
            throw fail("its value holds a newline that no backslash precedes")
        }
        return UnitOption(section: option.section, name: String(name), value: value)
    }
}

extension UnitFile: Hashable {
    /// Compares bytes: `String` takes texts of the same letters in different encodings as equal, the hash does not.
    package static func == (left: UnitFile, right: UnitFile) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }
}
