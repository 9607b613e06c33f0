// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Reads the text of a unit file line by line.
///
/// The grammar is systemd's (systemd.syntax(7)), since systemd runs the unit. It departs from fleet's parser only where that
/// one loses or refuses what systemd honours: a comment inside a continued value does not end it, CR LF ends a line, and
/// text before the first section is an error instead of vanishing.
struct UnitFileReader {
    /// One assignment, where it stands, and who sees it.
    struct Entry: Sendable {
        var option: UnitOption
        /// What systemd makes of the value, where that is not `option.value`.
        var effective: String?
        /// Line of the name, from 1.
        var line: Int
        /// The assignment follows a comment that ends in a backslash: fleet takes it as comment, systemd does not.
        var isComment: Bool
    }

    private struct Value {
        var name: String
        var lines: [Substring]
        var line: Int
        var isComment: Bool
    }

    private(set) var entries: [Entry] = []
    private var section: String?
    /// The value whose last line so far continues.
    private var open: Value?
    /// Whether the line before was a comment that ends in a backslash.
    private var commentContinues = false
    private var line = 0

    /// - Throws: `UnitFileError` with the first line at fault.
    init(_ text: String) throws(UnitFileError) {
        guard text.utf8.count <= UnitFile.sizeLimit else {
            throw UnitFileError(
                .tooLarge, "the unit file has \(text.utf8.count) bytes; at most \(UnitFile.sizeLimit) are allowed")
        }
        var rest = text[...]
        if rest.unicodeScalars.first == "\u{FEFF}" { rest.unicodeScalars.removeFirst() }
        while !rest.isEmpty {
            let bytes = rest.utf8
            let end = bytes.firstIndex { $0 == UnitText.newline || $0 == UnitText.carriageReturn } ?? bytes.endIndex
            line += 1
            try read(rest[..<end], isCRLF: bytes[end...].starts(with: "\r\n".utf8))
            rest = Substring(bytes[end...].dropFirst(bytes[end...].starts(with: "\r\n".utf8) ? 2 : 1))
        }
        close(isCRLF: false)
    }

    private mutating func read(_ text: Substring, isCRLF: Bool) throws(UnitFileError) {
        guard !text.utf8.contains(0) else {
            throw UnitFileError(.nulByte, line: line, "a NUL byte; unit files are text")
        }
        if open != nil {
            open?.lines.append(text)
            if !UnitText.isComment(text), !UnitText.continues(text) { close(isCRLF: isCRLF) }
            return
        }
        let inComment = commentContinues
        commentContinues = false
        let content = UnitText.trimmed(text)
        guard let first = content.unicodeScalars.first else { return }
        switch first {
        case "#", ";":
            commentContinues = !isCRLF && UnitText.commentContinues(text)
        case "[":
            section = try header(content)
        default:
            try assignment(text, content, inComment: inComment, isCRLF: isCRLF)
        }
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
        _ text: Substring, _ content: Substring, inComment: Bool, isCRLF: Bool
    ) throws(UnitFileError) {
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), section != nil else {
            if inComment {
                // fleet: still the comment. systemd: a line that it ignores with a warning.
                commentContinues = !isCRLF && UnitText.commentContinues(text)
                return
            }
            guard section != nil else {
                throw UnitFileError(
                    .outsideSection, line: line,
                    "\(UnitFileError.quoted(content)) stands before the first section; start with a header such as [Unit]"
                )
            }
            throw UnitFileError(
                .badAssignment, line: line,
                "\(UnitFileError.quoted(content)) has no \"=\"; write NAME=VALUE, or end the line before with a backslash"
            )
        }
        let name = UnitText.trimmed(text[..<equals])
        guard !name.isEmpty else {
            throw UnitFileError(
                .badAssignment, line: line, "nothing stands before \"=\" in \(UnitFileError.quoted(content))")
        }
        let start = text.utf8.index(after: equals)
        open = Value(name: String(name), lines: [text[start...]], line: line, isComment: inComment)
        if !UnitText.continues(text[start...]) { close(isCRLF: isCRLF) }
    }

    /// Ends the value that is open, if any.
    private mutating func close(isCRLF: Bool) {
        guard let value = open, let section else { return }
        open = nil
        if value.isComment {
            commentContinues = !isCRLF && value.lines.last.map(UnitText.commentContinues) ?? false
        }
        let text = UnitText.normalized(value.lines.joined(separator: "\n")[...], closed: true)
        let effective = UnitText.joined(value.lines)
        entries.append(
            Entry(
                option: UnitOption(section: section, name: value.name, value: text),
                effective: effective.utf8.elementsEqual(text.utf8) ? nil : effective, line: value.line,
                isComment: value.isComment))
    }
}
