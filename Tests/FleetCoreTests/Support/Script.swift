// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A table of inputs and what they bring about, as text: one `input => output` a line.
///
/// A test runs the inputs, writes the outputs that came in place of those that are expected, and compares the two texts as
/// a whole; a difference then shows in its surroundings. Lines without an arrow have an input only. Lines that begin with
/// `#` are remarks.
struct Script {
    struct Line {
        var input: String
        var output: String?
        var isRemark = false
    }

    let lines: [Line]

    init(_ text: String) {
        lines = text.split(separator: "\n").map { line in
            let line = Text.trimmed(line)
            if line.hasPrefix("#") { return Line(input: line, isRemark: true) }
            guard let arrow = Text.range(of: "=>", in: line) else { return Line(input: line) }
            return Line(
                input: Text.trimmed(line[..<arrow.lowerBound]), output: Text.trimmed(line[arrow.upperBound...]))
        }
    }

    /// The text in one form, whatever its spaces.
    var text: String { lines.map(Self.render).joined(separator: "\n") }

    /// What comes of the inputs, in the form of `text`; `step` returns an output for lines that expect one.
    func transcript(_ step: (Line) -> String) -> String {
        lines.map { line in
            if line.isRemark { return line.input }
            let came = step(line)
            return Self.render(Line(input: line.input, output: line.output == nil ? nil : came))
        }
        .joined(separator: "\n")
    }

    private static func render(_ line: Line) -> String { line.input + (line.output.map { " => " + $0 } ?? "") }
}

/// The little that tests need of text.
enum Text {
    static func trimmed(_ text: some StringProtocol) -> String {
        let tail = text.drop { $0 == " " }
        return String(tail.reversed().drop { $0 == " " }.reversed())
    }

    static func range(of mark: String, in text: String) -> Range<String.Index>? {
        text.indices.lazy.filter { text[$0...].hasPrefix(mark) }.first.map { $0..<text.index($0, offsetBy: mark.count) }
    }

    static func words(_ text: some StringProtocol) -> [String] { text.split { $0 == " " }.map { String($0) } }

    static func parts(_ text: String, by separator: Character) -> [String] {
        text.split(separator: separator).map { trimmed($0) }.filter { !$0.isEmpty }
    }
}
