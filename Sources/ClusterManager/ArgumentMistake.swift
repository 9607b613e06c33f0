// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Terminal

/// What is wrong with a command line, in one line instead of ArgumentParser's page.
struct ArgumentMistake {
    let line: String

    init(_ message: String, arguments: [String]) {
        let path = CommandPath(arguments[...])
        if let unknown = path.unknownCommand(behind: message) {
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

extension CommandPath {
    /// Other programs' words for what this one calls otherwise.
    ///
    /// Where the program itself has none of them, a group may.
    private static let synonyms = [
        "logs": ["journal"], "log": ["journal"], "ps": ["list-units"], "ls": ["list-units", "list", "show"],
        "list": ["list-units", "show"], "units": ["list-units"], "get": ["list-units", "show"],
        "nodes": ["list-machines"], "node": ["list-machines"], "machines": ["list-machines"],
        "rm": ["destroy", "delete", "remove", "revoke"], "remove": ["destroy", "delete", "revoke"],
        "delete": ["destroy", "remove", "revoke"], "del": ["destroy", "delete", "remove", "revoke"],
        "unset": ["delete"], "run": ["start"], "create": ["submit", "add", "init"], "add": ["submit", "create", "set"],
        "new": ["submit", "create", "add"], "describe": ["explain"], "why": ["explain"],
    ]

    /// The commands that a command line of this program names.
    ///
    /// - Parameters:
    ///   - arguments: What stands behind the program's name, or behind `help`.
    ///   - isHelp: Whether every word has to name a command: `help` takes nothing else.
    init(_ arguments: ArraySlice<String>, isHelp: Bool = false) {
        self.init(arguments, of: RootCommand.self, synonyms: Self.synonyms, isHelp: isHelp)
    }
}
