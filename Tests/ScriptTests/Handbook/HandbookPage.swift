// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

/// A page of the documents, as Markdown goes, as far as these pages use it.
struct HandbookPage: Sendable {
    /// Its path in the repository.
    let path: String
    /// Its lines outside of fenced blocks.
    let lines: [String]

    init(_ path: String) throws {
        self.path = path
        var isFenced = false
        var lines: [String] = []
        for line in try contents(path).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") { isFenced.toggle() } else if !isFenced { lines.append(String(line)) }
        }
        self.lines = lines
    }

    /// README.md and all pages below docs/, sorted.
    static func all() throws -> [HandbookPage] {
        let docs = try FileManager.default.subpathsOfDirectory(atPath: "\(Shell.repository)/docs")
        return try (["README.md"] + docs.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }.sorted())
            .map(HandbookPage.init)
    }

    /// The cells of the tables' rows under a heading, up to the next heading; without one of all rows of the page.
    ///
    /// A table's first two lines, its heading and the line below, are left out.
    func rows(under heading: String? = nil) -> [[String]] {
        var part = lines[...]
        if let heading {
            part = part.drop { $0 != heading }.dropFirst().prefix { !$0.hasPrefix("#") }
        }
        let tables = part.split { !$0.hasPrefix("|") }
        return tables.flatMap { table in
            table.dropFirst(2).map { line in
                line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map(Self.cell)
            }
        }
    }

    /// A cell without blanks around it, and without the quotes of a code span that is all of it.
    private static func cell(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        if text.count > 2, text.first == "`", text.last == "`", !text.dropFirst().dropLast().contains("`") {
            text = text.dropFirst().dropLast()
        }
        return String(text)
    }

    /// What the links of the page lead to.
    var links: [String] {
        lines.flatMap { line in
            Self.withoutCode(line).split(separator: "](", omittingEmptySubsequences: false).dropFirst()
                .map { String($0.prefix { $0 != ")" }) }
        }
    }

    private static func withoutCode(_ line: String) -> String {
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().filter { $0.offset % 2 == 0 }.map { String($0.element) }.joined()
    }

    /// The anchors of its headings, as GitHub makes them.
    var anchors: Set<String> {
        var anchors: Set<String> = []
        for line in lines where line.hasPrefix("#") {
            let heading = line.drop { $0 == "#" }.dropFirst().lowercased()
            let kept = heading.filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
            let anchor = String(kept.map { $0 == " " ? "-" : $0 })
            var number = 1
            var candidate = anchor
            while !anchors.insert(candidate).inserted {
                candidate = "\(anchor)-\(number)"
                number += 1
            }
        }
        return anchors
    }

    /// Where a path that the page names lies in the repository; `nil` for one that leads out of it.
    func resolve(_ target: String) -> String? {
        var parts = path.split(separator: "/").dropLast().map(String.init)
        for part in target.split(separator: "/") {
            switch part {
            case ".": break
            case "..":
                guard parts.popLast() != nil else { return nil }
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}

/// Compares what a page lists with what there is, and names each row that is missing or too much.
func expectSame(
    _ page: String, lists listed: [String], as found: [String], sourceLocation: SourceLocation = #_sourceLocation
) {
    for row in found where !listed.contains(row) {
        Issue.record("\(page) has no row: \(row)", sourceLocation: sourceLocation)
    }
    for row in listed where !found.contains(row) {
        Issue.record("\(page) has a row for what is not there, or otherwise: \(row)", sourceLocation: sourceLocation)
    }
    #expect(listed.count == Set(listed).count, "\(page) has a row twice", sourceLocation: sourceLocation)
    #expect(!found.isEmpty, "nothing to compare \(page) with", sourceLocation: sourceLocation)
}
