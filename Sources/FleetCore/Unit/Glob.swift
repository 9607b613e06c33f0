// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A pattern over unit names in the dialect of Go's `path.Match`, which fleet uses.
///
/// `*` is any run without `/`, `?` one character other than `/`, `[a-z]` one of a class, `[^a-z]` one outside of it, and
/// `\` takes the next character as it is. A pattern matches a whole name. A bad one never matches.
///
/// Beyond Go's: `\x2d`, with two lowercase hexadecimal digits, is systemd's escape as it stands in units' names, which would
/// otherwise match a name that nobody means.
///
/// Compiled once. A match takes at most time in proportion to pattern times name: on a mismatch only the last `*` grows.
package struct Glob: Sendable, CustomStringConvertible {
    package let pattern: String

    private let form: Form

    private enum Form {
        case bad
        /// No wildcard at all.
        case literal(String)
        /// One `*` between two literals, as in `web@*.service`: by far the most frequent.
        case affixes(String, String)
        case general([Element])
    }

    private enum Element {
        case scalar(Unicode.Scalar)
        case any
        case star
        case oneOf([ClosedRange<UInt32>], negated: Bool)
    }

    package init(_ pattern: String) {
        self.pattern = pattern
        self.form = Self.compile(pattern)
    }

    /// Whether the pattern follows the dialect; if not it matches nothing.
    package var isValid: Bool {
        if case .bad = form { false } else { true }
    }

    package var description: String { pattern }

    package func matches(_ name: UnitName) -> Bool { matches(name.rawValue) }

    package func matches(_ text: String) -> Bool {
        switch form {
        case .bad: return false
        case .literal(let literal): return literal.utf8.elementsEqual(text.utf8)
        case .affixes(let prefix, let suffix):
            let bytes = text.utf8
            guard bytes.count >= prefix.utf8.count + suffix.utf8.count, bytes.starts(with: prefix.utf8),
                bytes.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
            else { return false }
            return !bytes.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count).contains(UInt8(ascii: "/"))
        case .general(let elements): return Self.match(elements, text.unicodeScalars)
        }
    }

    private static func match(_ elements: [Element], _ text: String.UnicodeScalarView) -> Bool {
        var at = text.startIndex
        var next = 0
        // Where to go on after a mismatch: behind the last `*`, which then takes one character more.
        var retry: (element: Int, at: String.Index)?
        while next < elements.count || at < text.endIndex {
            if next < elements.count, case .star = elements[next] {
                retry = (next + 1, at)
                next += 1
            } else if next < elements.count, at < text.endIndex, accepts(elements[next], text[at]) {
                next += 1
                at = text.index(after: at)
            } else {
                guard let last = retry, last.at < text.endIndex, text[last.at] != "/" else { return false }
                at = text.index(after: last.at)
                retry = (last.element, at)
                next = last.element
            }
        }
        return true
    }

    private static func accepts(_ element: Element, _ scalar: Unicode.Scalar) -> Bool {
        switch element {
        case .scalar(let expected): scalar == expected
        case .any: scalar != "/"
        case .star: false
        case .oneOf(let ranges, let negated): ranges.contains { $0.contains(scalar.value) } != negated
        }
    }
}

extension Glob {
    /// Whether `rest`, which follows a backslash, goes on as in `\x2d`.
    private static func isSystemdEscape(_ rest: Substring.UnicodeScalarView) -> Bool {
        let digits = rest.dropFirst().prefix(2)
        return rest.first == "x" && digits.count == 2
            && digits.allSatisfy { ("0"..."9").contains($0) || ("a"..."f").contains($0) }
    }

    /// The pattern that matches `text` alone.
    package static func escaped(_ text: String) -> String {
        var pattern = ""
        for scalar in text.unicodeScalars {
            if "*?[]\\".unicodeScalars.contains(scalar) { pattern += "\\" }
            pattern.unicodeScalars.append(scalar)
        }
        return pattern
    }

    private static func compile(_ pattern: String) -> Form {
        var rest = pattern.unicodeScalars[...]
        var elements: [Element] = []
        while let scalar = rest.popFirst() {
            switch scalar {
            case "*": elements.append(.star)
            case "?": elements.append(.any)
            case "[":
                guard let element = characterClass(&rest) else { return .bad }
                elements.append(element)
            case "\\" where isSystemdEscape(rest): elements.append(.scalar(scalar))
            case "\\":
                guard let escaped = rest.popFirst() else { return .bad }
                elements.append(.scalar(escaped))
            default: elements.append(.scalar(scalar))
            }
        }
        return simplified(elements)
    }

    /// The class whose `[` was just read; `nil` when it is empty, not closed, or a range lacks an end.
    private static func characterClass(_ rest: inout Substring.UnicodeScalarView) -> Element? {
        let negated = rest.first == "^"
        if negated { rest.removeFirst() }
        var ranges: [ClosedRange<UInt32>] = []
        var isEmpty = true
        while isEmpty || rest.first != "]" {
            guard let low = classMember(&rest) else { return nil }
            var high = low
            if rest.first == "-" {
                rest.removeFirst()
                guard let end = classMember(&rest) else { return nil }
                high = end
            }
            // A range that runs backwards is no error in Go: it holds nothing.
            if low <= high { ranges.append(low.value...high.value) }
            isEmpty = false
        }
        rest.removeFirst()
        return .oneOf(ranges, negated: negated)
    }

    /// One end of a range, which `-` and `]` can be only when escaped; something must follow it.
    private static func classMember(_ rest: inout Substring.UnicodeScalarView) -> Unicode.Scalar? {
        guard var member = rest.popFirst(), member != "-", member != "]" else { return nil }
        if member == "\\" {
            guard let escaped = rest.popFirst() else { return nil }
            member = escaped
        }
        return rest.isEmpty ? nil : member
    }

    private static func simplified(_ elements: [Element]) -> Form {
        var parts = [""]
        for element in elements {
            switch element {
            case .scalar(let scalar): parts[parts.count - 1].unicodeScalars.append(scalar)
            case .star: parts.append("")
            case .any, .oneOf: return .general(elements)
            }
        }
        switch parts.count {
        case 1: return .literal(parts[0])
        case 2: return .affixes(parts[0], parts[1])
        default: return .general(elements)
        }
    }
}

extension Glob: Hashable {
    package static func == (left: Glob, right: Glob) -> Bool { left.pattern.utf8.elementsEqual(right.pattern.utf8) }

    package func hash(into hasher: inout Hasher) {
        for byte in pattern.utf8 { hasher.combine(byte) }
    }
}
