// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Terminal

/// What is wrong with a command line, in one line instead of ArgumentParser's page.
struct ArgumentMistake {
    let line: String

    init(_ message: String, arguments: [String]) {
        let path = CommandPath(arguments[...])
        let said = message.lowercased()
        let isCommand = !path.names.isEmpty || arguments.first?.hasPrefix("-") == false
        // The options of a command that does not exist are unknown, too, which is not what is wrong.
        if let unknown = path.unknown,
            said.contains("unexpected argument") || (isCommand && said.contains("unknown option"))
        {
            line = unknown
            return
        }
        var text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        let negative = arguments.first { $0.hasPrefix("-") && $0.count > 1 && $0.dropFirst().allSatisfy(\.isNumber) }
        // Of an option's value the option itself speaks.
        if path.names == [Scale._commandName], let negative, !message.hasPrefix("--") {
            text = "the number of instances must be 0 or more, not \(negative)"
        }
        // A suggestion can be the very opposite of what was meant, `--stop` among others.
        if let suggestion = text.firstRange(of: ". Did you mean") { text = String(text[..<suggestion.lowerBound]) }
        if let first = text.first { text = first.lowercased() + text.dropFirst() }
        while text.last == "." || text.last == " " { text.removeLast() }
        line = "\(text); see '\(path.help)'"
    }
}

/// The commands that a command line names, from the program down.
struct CommandPath {
    /// Names of the commands behind the program's own.
    private(set) var names: [String] = []
    /// What is said of the first word that should be a command and is none; `nil` when there is none such.
    private(set) var unknown: String?

    /// Other programs' words for what this one calls otherwise.
    private static let synonyms = [
        "logs": "journal", "log": "journal", "ps": "list-units", "ls": "list-units", "list": "list-units",
        "units": "list-units", "get": "list-units", "nodes": "list-machines", "node": "list-machines",
        "machines": "list-machines", "rm": "destroy", "remove": "destroy", "delete": "destroy", "run": "start",
        "create": "submit", "describe": "explain", "why": "explain", "add": "submit", "unset": "delete",
    ]

    /// - Parameters:
    ///   - arguments: What stands behind the program's name, or behind `help`.
    ///   - isHelp: Whether every word has to name a command: `help` takes nothing else.
    init(_ arguments: ArraySlice<String>, isHelp: Bool = false) {
        var type: any ParsableCommand.Type = RootCommand.self
        // A word behind an option may be its value.
        var doubtful: String?
        for (former, word) in zip([""] + arguments, arguments) where !word.hasPrefix("-") {
            let subcommands = Self.subcommands(of: type)
            if names.isEmpty, word == "help" { continue }
            guard !subcommands.isEmpty || isHelp && !former.hasPrefix("-") else { return }
            if let found = subcommands.first(where: { $0._commandName == word }) {
                names.append(word)
                type = found
                continue
            }
            if names.isEmpty, former.hasPrefix("-"), !former.contains("=") {
                doubtful = word
                continue
            }
            guard isHelp || type.configuration.defaultSubcommand == nil else { return }
            unknown = Self.words(for: word, in: subcommands.map { $0._commandName }, path: names)
            return
        }
        if names.isEmpty, let doubtful {
            unknown = Self.words(for: doubtful, in: Self.subcommands(of: type).map { $0._commandName }, path: [])
        }
    }

    private static func subcommands(of type: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
        type.configuration.subcommands + type.configuration.groupedSubcommands.flatMap(\.subcommands)
    }

    /// Where more is said.
    var help: String { (["cluster-manager"] + names + ["--help"]).joined(separator: " ") }

    private static func words(for word: String, in names: [String], path: [String]) -> String {
        let shown = (path + [word]).joined(separator: " ")
        let help = (["cluster-manager"] + path + ["--help"]).joined(separator: " ")
        guard let near = nearest(to: word, among: names) else { return "unknown command '\(shown)'; see '\(help)'" }
        let meant = (path + [near]).joined(separator: " ")
        return "unknown command '\(shown)'; did you mean '\(meant)'? see '\(help)'"
    }

    /// The name that was probably meant: what another program calls so, or one a slip of the fingers away.
    static func nearest(to word: String, among names: [String]) -> String? {
        let word = word.lowercased()
        if let synonym = synonyms[word], names.contains(synonym) { return synonym }
        let scored = names.map { (name: $0, distance: Spelling.distance(word, $0)) }
        guard let best = scored.min(by: { $0.distance < $1.distance }), Spelling.isSlip(word, of: best.name) else {
            return nil
        }
        return best.name
    }
}
