// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A page in the macros of man(7).
struct ManualPage {
    private(set) var source: String

    init(name: String, section: Int) {
        source = ".\\\" Made from the text of --help; change that.\n"
        source +=
            ".TH \"\(name.uppercased())\" \"\(section)\" \"\" \"Flotilla \(FlotillaVersion.current)\" \"Flotilla\"\n"
        // Words are not cut, and lines not stretched: pages are mostly options.
        source += ".nh\n.ad l\n"
    }

    mutating func heading(_ text: String) { source += ".SH \"\(Self.escaped(text))\"\n" }

    mutating func line(_ text: String) { source += Self.escaped(text) + "\n" }

    mutating func bold(_ text: String) { source += ".B \(Self.escaped(text))\n" }

    /// A term and what it means.
    mutating func item(_ term: String, _ text: String) {
        source += ".TP\n.B \(Self.escaped(term))\n\(Self.escaped(text.isEmpty ? "-" : text))\n"
    }

    /// Help's own layout: paragraphs, headings in capitals, and indented lines that stay as they are.
    mutating func text(_ text: String) {
        var isExample = false
        func isHeading(_ line: Substring) -> Bool {
            let words = line.hasSuffix(":") ? line.dropLast() : line
            return !words.isEmpty && words.allSatisfy { $0.isUppercase || $0 == " " } && words.first != " "
        }
        func setExample(_ wanted: Bool, _ source: inout String) {
            guard wanted != isExample else { return }
            source += wanted ? ".PP\n.EX\n" : ".EE\n"
            isExample = wanted
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("  ") {
                setExample(true, &source)
                source += Self.escaped(String(line)) + "\n"
                continue
            }
            setExample(false, &source)
            if isHeading(line) {
                heading(line.hasSuffix(":") ? String(line.dropLast()) : String(line))
            } else if line.isEmpty {
                // A paragraph before a heading would leave an empty one.
                if !source.hasSuffix(".PP\n") { source += ".PP\n" }
            } else {
                source += Self.escaped(String(line)) + "\n"
            }
        }
        setExample(false, &source)
        source = source.replacing(".PP\n.SH", with: ".SH").replacing(".PP\n.PP\n", with: ".PP\n")
    }

    /// Text in which roff sees nothing but text: backslashes and hyphens spelt out, no line taken for a request.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "\"": result += "\\(dq"
            case "'": result += "\\(aq"
            case "~": result += "\\(ti"
            case "^": result += "\\(ha"
            case "`": result += "\\(ga"
            case "\n": result += " "
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") ? "\\&" + result : result
    }
}
