// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// The commands that a command line names, from the program down.
package struct CommandPath {
    /// Names of the commands behind the program's own.
    package private(set) var names: [String] = []
    /// What is said of the first word that should be a command and is none; `nil` when there is none such.
    package private(set) var unknown: String?
    private let program: String
    /// Other words for commands, by which these are found as well.
    private let synonyms: [String: [String]]
    /// Whether the word that is no command stands where one would, and not behind an option.
    private var isInPlace = false

    /// - Parameters:
    ///   - arguments: What stands behind the program's name, or behind `help`.
    ///   - program: The program's own command. No group of it has a default command that takes words.
    ///   - synonyms: Other programs' words for what this one calls otherwise, the best first where several groups have one.
    ///   - isHelp: Whether every word has to name a command: `help` takes nothing else.
    package init(
        _ arguments: ArraySlice<String>, of program: any ParsableCommand.Type, synonyms: [String: [String]] = [:],
        isHelp: Bool = false
    ) {
        self.program = program._commandName
        self.synonyms = synonyms
        var type = program
        // A word behind an option may be its value.
        var doubtful: String?
        for (former, word) in zip([""] + arguments, arguments) where !word.hasPrefix("-") {
            let subcommands = Self.subcommands(of: type)
            if names.isEmpty, word == "help" { continue }
            guard !subcommands.isEmpty || isHelp && !former.hasPrefix("-") else { return }
            if let found = subcommands.first(where: { $0._commandName == word }) {
                names.append(word)
                type = found
                doubtful = nil
                continue
            }
            if former.hasPrefix("-"), !former.contains("=") {
                doubtful = word
                continue
            }
            isInPlace = former == names.last ?? ""
            unknown = words(for: word, in: subcommands.map { $0._commandName }, path: names)
            return
        }
        if let doubtful {
            unknown = words(for: doubtful, in: Self.subcommands(of: type).map { $0._commandName }, path: names)
        }
    }

    private static func subcommands(of type: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
        type.configuration.subcommands + type.configuration.groupedSubcommands.flatMap(\.subcommands)
    }

    /// What is said of a command line that ArgumentParser refuses with `message`, where its command does not exist.
    package func unknownCommand(behind message: String) -> String? {
        let said = message.lowercased()
        // The options of a command that does not exist are unknown, too, which is not what is wrong.
        guard said.contains("unexpected argument") || isInPlace && said.contains("unknown option") else { return nil }
        return unknown
    }

    /// Where more is said.
    package var help: String { ([program] + names + ["--help"]).joined(separator: " ") }

    private func words(for word: String, in names: [String], path: [String]) -> String {
        let shown = (path + [word]).joined(separator: " ")
        let help = ([program] + path + ["--help"]).joined(separator: " ")
        guard let near = nearest(to: word, among: names) else { return "unknown command '\(shown)'; see '\(help)'" }
        let meant = (path + [near]).joined(separator: " ")
        return "unknown command '\(shown)'; did you mean '\(meant)'? see '\(help)'"
    }

    /// The name that was probably meant: what another program calls so, the only one that begins so, or one a slip of the
    /// fingers away.
    private func nearest(to word: String, among names: [String]) -> String? {
        let word = word.lowercased()
        if let synonym = synonyms[word]?.first(where: { names.contains($0) }) { return synonym }
        // A word of two letters has none to spare for a slip.
        let longer = Set(names.filter { $0.hasPrefix(word) })
        if word.count > 1, longer.count == 1 { return longer.first }
        let scored = names.map { (name: $0, distance: Spelling.distance(word, $0)) }
        guard let best = scored.min(by: { $0.distance < $1.distance }), Spelling.isSlip(word, of: best.name) else {
            return nil
        }
        return best.name
    }
}
