// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

/// The documents hold together.
@Suite("links of the documents") struct LinkTests {
    @Test("every relative link leads to a file, and its anchor to a heading")
    func links() throws {
        let pages = try HandbookPage.all()
        let byPath = Dictionary(pages.map { ($0.path, $0) }) { first, _ in first }
        var count = 0
        for page in pages {
            for link in page.links where !link.contains("://") && !link.hasPrefix("mailto:") {
                count += 1
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let target = parts[0].isEmpty ? page.path : page.resolve(String(parts[0]))
                guard let target, FileManager.default.fileExists(atPath: "\(Shell.repository)/\(target)") else {
                    Issue.record("\(page.path): \(link) leads to no file")
                    continue
                }
                guard parts.count > 1 else { continue }
                let isThere = byPath[target]?.anchors.contains(String(parts[1])) ?? false
                #expect(isThere, "\(page.path): \(link) leads to no heading of \(target)")
            }
        }
        #expect(count > 40)
    }

    @Test("the index names every page, and README names the index")
    func index() throws {
        let index = try HandbookPage("docs/README.md")
        let named = Set(index.links.compactMap { index.resolve(String($0.prefix { $0 != "#" })) })
        for page in try HandbookPage.all() where !["README.md", index.path].contains(page.path) {
            #expect(named.contains(page.path), "docs/README.md does not name \(page.path)")
        }
        #expect(try HandbookPage("README.md").links.contains("docs/README.md"))
    }

    /// The sources with each literal in one piece: what `+` and a backslash at a line's end part is put together.
    private static func sources() throws -> String {
        var text = ""
        for folder in ["Sources", "bin"] {
            for file in try FileManager.default.subpathsOfDirectory(atPath: "\(Shell.repository)/\(folder)").sorted()
            where file.hasSuffix(".swift") || folder == "bin" {
                guard let source = try? contents("\(folder)/\(file)") else { continue }
                let lines = source.split(separator: "\n").map { line in
                    var line = line
                    while line.first == " " { line.removeFirst() }
                    return line.hasSuffix("\\") ? String(line.dropLast()) : String(line) + "\n"
                }
                text += lines.joined()
            }
        }
        return text.replacing("\"\n+ \"", with: "").replacing("\" + \"", with: "").replacing("\\\"", with: "\"")
    }

    @Test("every message of the page about trouble stands in the sources, word for word")
    func messages() throws {
        let page = try HandbookPage("docs/operate/troubleshoot.md")
        let messages = page.rows().map { $0[0] }
        #expect(messages.count >= 25)
        #expect(Set(messages).count == messages.count)
        let sources = try Self.sources()
        for message in messages {
            // What stands between < and > differs from case to case.
            let parts = message.split(separator: "<").enumerated().map { index, part in
                index == 0 && !message.hasPrefix("<")
                    ? String(part) : String(part.drop { $0 != ">" }.dropFirst())
            }
            #expect(parts.contains { $0.count >= 9 }, "nothing to look for in: \(message)")
            for part in parts where part.count > 2 {
                #expect(sources.contains(part), "\(page.path): '\(part)' is in no source; the message is '\(message)'")
            }
        }
    }
}
