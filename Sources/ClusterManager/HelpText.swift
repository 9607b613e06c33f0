// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The pages that `--help` prints.
enum HelpText {
    /// How wide the list of common options is at most.
    private static let width = 80

    /// The page of a command with no more than the names of the options that every command takes.
    ///
    /// They would be thirty lines of forty; the program's own page has them whole.
    static func folded(_ page: String) -> String {
        var lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // The program's own page, which lists the commands, keeps them.
        guard !lines.contains(where: { $0.hasPrefix("USAGE: cluster-manager --start") }) else { return page }
        fold(GlobalOptions.title, in: &lines) { section in
            var folded = ["\(GlobalOptions.title.uppercased()) (see 'cluster-manager --help'):", " "]
            for name in section.compactMap(name) {
                if folded[folded.count - 1].count + name.count + 1 > width { folded.append(" ") }
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
        return lines.joined(separator: "\n")
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
