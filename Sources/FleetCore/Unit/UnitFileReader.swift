// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Reads the text of a unit file line by line.
///
/// The grammar is systemd's (`config_parse` of version 252, systemd.syntax(7)), since systemd runs the unit: what counts as
/// white space, as a line's end, as a comment and as continued. Where systemd ignores a line with a warning in a log that nobody
/// reads, this reader refuses it: text before the first section, a line without `=`, a name or header that a backslash continues.
/// One such line passes, since fleet's users have it in units that run: what is left of a command of several lines whose first
/// line alone was made a comment.
struct UnitFileReader {
    /// One assignment and where it stands.
    struct Entry: Sendable {
        var option: UnitOption
        /// What systemd makes of the value, where that is not `option.value`.
        var effective: String?
        /// Line of the name, from 1.
        var line: Int
        /// Last line of the value, from 1.
        var lastLine: Int

        /// What systemd makes of the value.
        var value: String { effective ?? option.value }
    }

    private struct Value {
        var name: String
        var lines: [Substring]
        var line: Int
    }

    private(set) var entries: [Entry] = []
    private var section: String?
    /// The value whose last line so far continues.
    private var open: Value?
    /// Whether the line before is a comment that ends in a backslash.
    private var followsComment = false
    /// Whether the line before is one that systemd ignores and that continues.
    private var isIgnored = false
    /// Whether the line before ends in a backslash and blanks.
    private var almostContinues = false
    private var line = 0

    /// - Throws: `UnitFileError` with the first line at fault.
    init(_ text: String) throws(UnitFileError) {
        guard text.utf8.count <= UnitFile.sizeLimit else {
            throw UnitFileError(
                .tooLarge, "the unit file has \(text.utf8.count) bytes; at most \(UnitFile.sizeLimit) are allowed")
        }
        var rest = text[...]
        while !rest.isEmpty {
            let bytes = rest.utf8
            let end = bytes.firstIndex { $0 == UnitText.newline || $0 == UnitText.carriageReturn } ?? bytes.endIndex
            line += 1
            try read(rest[..<end])
            rest = Substring(bytes[end...].dropFirst(UnitText.lineEnd(bytes[end...])))
        }
        close()
    }

    private mutating func read(_ given: Substring) throws(UnitFileError) {
        guard !given.utf8.contains(0) else {
            throw UnitFileError(.nulByte, line: line, "a NUL byte; unit files are text")
        }
        let text = try withoutMark(given)
        let isContinued = almostContinues
        almostContinues = !UnitText.isComment(given) && UnitText.isAlmostContinued(text)
        if open != nil {
            open?.lines.append(text)
            if !UnitText.isComment(text), !UnitText.continues(text) { close() }
            return
        }
        if isIgnored { return try ignore(text) }
        let content = UnitText.trimmed(text)
        let isRest = followsComment
        followsComment = UnitText.isComment(given) && UnitText.continues(text)
        guard let first = content.utf8.first else { return }
        switch first {
        case UInt8(ascii: "#"), UInt8(ascii: ";"):
            // Behind the mark it is no comment to systemd, but text before the first section, which may continue.
            guard UnitText.isComment(given) || !UnitText.continues(text) else {
                throw UnitFileError(
                    .outsideSection, line: line,
                    "the comment \(UnitFileError.quoted(content)) stands behind a byte order mark, where systemd takes the "
                        + "next line along; remove the backslash at its end")
            }
        case UInt8(ascii: "["):
            section = try header(content)
        default:
            if isRest, section != nil, !text.utf8.contains(UInt8(ascii: "=")) { return try ignore(text) }
            try assignment(text, content, isContinued: isContinued)
        }
    }

    /// Passes over a line that has no `=` and is the rest of a comment.
    private mutating func ignore(_ text: Substring) throws(UnitFileError) {
        if UnitText.isComment(text) { return }
        guard !isIgnored || !text.utf8.contains(UInt8(ascii: "=")) else {
            throw UnitFileError(
                .badAssignment, line: line,
                "\(UnitFileError.quoted(UnitText.trimmed(text))) continues a line that systemd ignores, and is ignored with it; "
                    + "write # before that line, too")
        }
        isIgnored = UnitText.continues(text)
    }

    /// The first line without its byte order mark, any other as it is.
    ///
    /// systemd takes away the first mark that begins a line, whichever line that is, so that a mark further down would be
    /// there or not by what stands above it.
    private func withoutMark(_ text: Substring) throws(UnitFileError) -> Substring {
        guard text.unicodeScalars.first == "\u{FEFF}" else { return text }
        guard line == 1 else {
            throw UnitFileError(
                .strayMark, line: line, "a byte order mark begins the line; it may stand at the start of the file alone"
            )
        }
        return Substring(text.unicodeScalars.dropFirst())
    }

    private func header(_ content: Substring) throws(UnitFileError) -> String {
        let inner = content.utf8.dropFirst()
        guard let end = inner.firstIndex(of: UInt8(ascii: "]")) else {
            throw UnitFileError(
                .badSection, line: line, "the section header \(UnitFileError.quoted(content)) has no closing \"]\"")
        }
        guard inner[end...].count == 1 else {
            throw UnitFileError(
                .badSection, line: line,
                "nothing may follow \"]\" in the section header \(UnitFileError.quoted(content))"
            )
        }
        guard end > inner.startIndex else {
            throw UnitFileError(.badSection, line: line, "the section header \"[]\" names no section")
        }
        return String(content[inner.startIndex..<end])
    }

    private mutating func assignment(
        _ text: Substring, _ content: Substring, isContinued: Bool
    ) throws(UnitFileError) {
        guard section != nil else {
            throw UnitFileError(
                .outsideSection, line: line,
                "\(UnitFileError.quoted(content)) stands before the first section; start with a header such as [Unit]")
        }
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            throw UnitFileError(
                .badAssignment, line: line,
                "\(UnitFileError.quoted(content)) has no \"=\"; "
                    + (isContinued
                        ? "the backslash that ends line \(line - 1) does not continue it, for a blank follows it: remove the blank"
                        : "write NAME=VALUE, or end the line before with a backslash"))
        }
        let name = UnitText.trimmed(text[..<equals])
        guard !name.isEmpty else {
            throw UnitFileError(
                .badAssignment, line: line, "nothing stands before \"=\" in \(UnitFileError.quoted(content))")
        }
        let start = text.utf8.index(after: equals)
        open = Value(name: String(name), lines: [text[start...]], line: line)
        if !UnitText.continues(text[start...]) { close() }
    }

    /// Ends the value that is open, if any.
    private mutating func close() {
        guard let value = open, let section else { return }
        open = nil
        let text = UnitText.normalized(value.lines.joined(separator: "\n")[...], closed: true)
        let effective = UnitText.joined(value.lines)
        entries.append(
            Entry(
                option: UnitOption(section: section, name: value.name, value: text),
                effective: effective.utf8.elementsEqual(text.utf8) ? nil : effective, line: value.line, lastLine: line))
    }
}
