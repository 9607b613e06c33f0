// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How systemd 252 splits a value into words (`extract_first_word`) and a command line into commands (`config_parse_exec`).
///
/// The programs of the repository never split one: systemd does. The tests do, to hold a reader's values against what systemd makes of
/// the file.
struct SystemdWords {
    /// Quotes that do not close, or an escape that is none.
    struct Malformed: Error {}

    /// What becomes of a backslash.
    enum Escapes {
        /// C's escapes; any other backslash is an error.
        case strict
        /// C's escapes; any other backslash stays.
        case relaxed
        /// A backslash is a character like any other.
        case kept
    }

    private var rest: ArraySlice<UInt8>

    init(_ text: String) { rest = Array(text.utf8)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    private mutating func skipBlanks() { rest = rest.drop(while: Self.isBlank) }

    /// The next word, `nil` after the last.
    mutating func next(_ escapes: Escapes) throws(Malformed) -> String? {
        skipBlanks()
        guard !rest.isEmpty else { return nil }
        var word: [UInt8] = []
        var quote: UInt8?
        while let byte = rest.popFirst() {
            switch byte {
            case quote: quote = nil
            case UInt8(ascii: "\"") where quote == nil, UInt8(ascii: "'") where quote == nil: quote = byte
            case UInt8(ascii: "\\") where escapes != .kept:
                if let (bytes, count) = Self.escape(rest) {
                    word += bytes
                    rest = rest.dropFirst(count)
                } else if escapes == .relaxed, !rest.isEmpty || quote == nil {
                    word.append(byte)
                    if let next = rest.popFirst() { word.append(next) }
                } else {
                    throw Malformed()
                }
            case _ where quote == nil && Self.isBlank(byte):
                skipBlanks()
                return String(decoding: word, as: UTF8.self)
            default: word.append(byte)
            }
        }
        guard quote == nil else { throw Malformed() }
        return String(decoding: word, as: UTF8.self)
    }

    /// The next word of a command line: where an escape is unknown, all backslashes of the word that begin none stay.
    mutating func nextOfCommand() throws(Malformed) -> String? {
        let before = rest
        do throws(Malformed) {
            return try next(.strict)
        } catch {
            rest = before
            return try next(.relaxed)
        }
    }

    /// What the escape stands for whose backslash is gone, and its length.
    private static func escape(_ text: ArraySlice<UInt8>) -> (bytes: [UInt8], count: Int)? {
        guard let letter = text.first else { return nil }
        func number(_ digits: Int, radix: Int, from skipped: Int = 1) -> UInt32? {
            let part = text.dropFirst(skipped).prefix(digits)
            guard part.count == digits, !part.contains(UInt8(ascii: "+")), !part.contains(UInt8(ascii: "-")) else {
                return nil
            }
            return UInt32(String(decoding: part, as: UTF8.self), radix: radix).flatMap { $0 == 0 ? nil : $0 }
        }
        func character(_ digits: Int) -> (bytes: [UInt8], count: Int)? {
            number(digits, radix: 16).flatMap { Unicode.Scalar($0) }.map { (Array(String($0).utf8), digits + 1) }
        }
        switch Unicode.Scalar(letter) {
        case "a": return ([0x07], 1)
        case "b": return ([0x08], 1)
        case "f": return ([0x0C], 1)
        case "n": return ([0x0A], 1)
        case "r": return ([0x0D], 1)
        case "t": return ([0x09], 1)
        case "v": return ([0x0B], 1)
        case "s": return ([0x20], 1)
        case "\\", "\"", "'": return ([letter], 1)
        case "x": return number(2, radix: 16).map { ([UInt8($0)], 3) }
        case "u": return character(4)
        case "U": return character(8)
        case "0"..."7": return number(3, radix: 8, from: 0).flatMap { $0 > 255 ? nil : ([UInt8($0)], 3) }
        default: return nil
        }
    }

    /// The words of a list, up to the first that is malformed.
    static func list(_ text: String, _ escapes: Escapes) -> [String] {
        var words = SystemdWords(text)
        var found: [String] = []
        while let word = try? words.next(escapes) { found.append(word) }
        return found
    }

    /// One command of a line such as `ExecStart=`.
    struct Command {
        var path: String
        var words: [String]
        var ignoresFailure: Bool
    }

    /// The commands of one line, with `expand` for specifiers.
    static func commands(_ line: String, _ expand: (String) -> String) -> [Command] {
        var words = SystemdWords(line)
        var commands: [Command] = []
        while let command = try? words.command(expand) { commands.append(command) }
        return commands
    }

    private mutating func command(_ expand: (String) -> String) throws(Malformed) -> Command? {
        guard var path = try nextOfCommand() else { return nil }
        var ignoresFailure = false
        var hasOwnName = false
        loop: while let first = path.first {
            switch first {
            case "-": ignoresFailure = true
            case "@": hasOwnName = true
            case ":", "+", "!": break
            default: break loop
            }
            path.removeFirst()
        }
        path = expand(path)
        guard !path.isEmpty else { return nil }
        var found = hasOwnName ? [] : [path]
        let semicolon = UInt8(ascii: ";")
        while !rest.isEmpty {
            let ends = { (text: ArraySlice<UInt8>) in text.first.map(Self.isBlank) ?? true }
            if rest.first == semicolon, ends(rest.dropFirst()) {
                rest.removeFirst()
                skipBlanks()
                break
            }
            if rest.starts(with: [UInt8(ascii: "\\"), semicolon]), ends(rest.dropFirst(2)) {
                rest = rest.dropFirst(2)
                skipBlanks()
                found.append(";")
                continue
            }
            guard let word = try nextOfCommand() else { break }
            found.append(expand(word))
        }
        return found.isEmpty ? nil : Command(path: path, words: found, ignoresFailure: ignoresFailure)
    }
}

/// Spans of time as systemd.time(7) writes them.
enum SystemdSpan {
    static let infinity = UInt64.max

    private static let units: [(names: [String], microseconds: UInt64)] = [
        (["usec", "us", "µs"], 1),
        (["msec", "ms"], 1000),
        (["seconds", "second", "sec", "s", ""], 1_000_000),
        (["minutes", "minute", "min", "m"], 60_000_000),
        (["hours", "hour", "hr", "h"], 3_600_000_000),
        (["days", "day", "d"], 86_400_000_000),
        (["weeks", "week", "w"], 604_800_000_000),
        (["months", "month", "M"], 2_629_800_000_000),
        (["years", "year", "y"], 31_557_600_000_000),
    ]

    /// The span in microseconds; `nil` for text that is none, which systemd ignores.
    static func parse(_ text: String) -> UInt64? {
        var rest = text.drop { $0 == " " }[...]
        if rest == "infinity" { return infinity }
        guard !rest.isEmpty else { return nil }
        var total: UInt64 = 0
        while !rest.isEmpty {
            let whole = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(whole.count)
            var fraction: Substring = ""
            if rest.first == "." {
                fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(fraction.count + 1)
            }
            guard !whole.isEmpty || !fraction.isEmpty else { return nil }
            rest = rest.drop { $0 == " " }
            let word = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(word.count).drop { $0 == " " }
            guard let unit = units.first(where: { $0.names.contains(String(word)) })?.microseconds,
                let count = UInt64(whole.isEmpty ? "0" : whole)
            else { return nil }
            total += count * unit
            var part = unit / 10
            for digit in fraction {
                total += UInt64(digit.wholeNumberValue ?? 0) * part
                part /= 10
            }
        }
        return total
    }
}
