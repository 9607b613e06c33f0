// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Terminal

/// The pages that `--help` prints.
enum HelpText {
    /// How wide the list of common options is at most.
    private static let widest = 80
    /// In so many columns ArgumentParser breaks no line.
    private static let unbroken = 100_000
    /// Where ArgumentParser's descriptions begin.
    private static let descriptionColumn = 26
    /// How far what belongs to the line above is indented in a narrow page.
    private static let indentation = 4

    /// For how many columns ArgumentParser is to lay a page out that is shown in `columns`.
    static func layout(for columns: Int) -> Int { columns < TerminalWidth.narrowest ? unbroken : columns }

    /// A page as it is shown.
    ///
    /// - Parameters:
    ///   - page: ArgumentParser's, by the layout for `columns`.
    ///   - columns: How wide the terminal is.
    /// - Returns: What is no page of help, such as a script for a shell's completion, as it is.
    static func page(_ page: String, columns: Int) -> String {
        var lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let usage = lines.first(where: { $0.hasPrefix("USAGE: ") }) else { return page }
        // The program's own page, which lists the commands, keeps the common options.
        if !usage.hasPrefix("USAGE: cluster-manager --start") { fold(&lines, to: min(columns, widest)) }
        if columns < TerminalWidth.narrowest { lines = narrowed(lines, to: columns) }
        return lines.joined(separator: "\n")
    }

    /// Leaves no more than the names of the options that every command takes.
    ///
    /// They would be thirty lines of forty; the program's own page has them whole.
    private static func fold(_ lines: inout [String], to width: Int) {
        fold(GlobalOptions.title, in: &lines) { section in
            var folded = ["\(GlobalOptions.title.uppercased()) (see 'cluster-manager --help'):", " "]
            for name in section.compactMap(name) {
                let line = folded[folded.count - 1]
                if line != " ", line.count + name.count + 1 > width { folded.append(" ") }
                folded[folded.count - 1] += " " + name
            }
            return folded
        }
        fold(GlobalOptions.localTitle, in: &lines) { section in
            guard let start = section.firstIndex(where: { name($0) == "--output" }) else { return [] }
            let rest = section[(start + 1)...]
            let end = rest.firstIndex { name($0) != nil } ?? section.endIndex
            return [section[section.startIndex]] + section[start..<end]
        }
    }

    /// The lines of a narrow page: a description is under what it describes, not beside it, and lines end between words.
    ///
    /// Examples stay whole, so that they can be pasted.
    private static func narrowed(_ lines: [String], to columns: Int) -> [String] {
        var isExample = false
        return lines.flatMap { line -> [String] in
            if line.isEmpty { isExample = false }
            defer { if line == "EXAMPLES:" { isExample = true } }
            guard !line.isEmpty, !isExample else { return [line] }
            let indent = line.prefix { $0 == " " }.count
            if indent == 2, let (label, description) = parts(line) {
                return wrapped(label, indent: 2, then: indentation, to: columns)
                    + wrapped(description, indent: indentation, then: indentation, to: columns)
            }
            let first = min(indent, indentation)
            let isProse = indent == 0 && !line.hasPrefix("USAGE: ")
            return wrapped(line[...], indent: first, then: isProse ? 0 : indentation, to: columns)
        }
    }

    /// What a line names, and what stands beside it.
    private static func parts(_ line: String) -> (label: Substring, description: Substring)? {
        guard line.count > descriptionColumn else { return nil }
        let (label, description) = (line.prefix(descriptionColumn), line.dropFirst(descriptionColumn))
        // A list of names is none, wherever one of them begins.
        guard label.last == " ", description.first != " ", !description.hasPrefix("--") else { return nil }
        return (label, description)
    }

    /// Words in lines of so many columns; a longer word has a line of its own.
    private static func wrapped(_ text: Substring, indent: Int, then next: Int, to columns: Int) -> [String] {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, line.count + 1 + word.count > columns {
                lines.append(line)
                line = String(repeating: " ", count: next)
                isEmpty = true
            }
            line += isEmpty ? String(word) : " \(word)"
            isEmpty = false
        }
        return lines + [line]
    }

    /// Puts something else in the place of a section's lines, its heading included.
    private static func fold(_ title: String, in lines: inout [String], _ change: (ArraySlice<String>) -> [String]) {
        guard let start = lines.firstIndex(of: title.uppercased() + ":") else { return }
        let end = lines[start...].firstIndex(of: "") ?? lines.endIndex
        lines.replaceSubrange(start..<end, with: change(lines[start..<end]))
    }

    /// The long name of the option that a line begins to describe.
    private static func name(_ line: String) -> String? {
        guard line.hasPrefix("  --") else { return nil }
        return String(line.dropFirst(2).prefix { $0 != " " && $0 != "," && $0 != "/" })
    }
}
