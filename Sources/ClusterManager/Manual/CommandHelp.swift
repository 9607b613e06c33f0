// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What ArgumentParser says of a command by `--experimental-dump-help`, as far as a manual page needs it.
package struct CommandHelp: Decodable, Sendable {
    /// One argument, option or flag.
    package struct Argument: Decodable, Sendable {
        package struct Name: Decodable, Sendable {
            let kind: String
            let name: String

            /// As it is typed.
            package var text: String { kind == "long" ? "--\(name)" : "-\(name)" }
        }

        package let kind: String
        let shouldDisplay: Bool
        package let sectionTitle: String?
        let isOptional: Bool
        let isRepeating: Bool
        package let names: [Name]?
        let valueName: String?
        package let abstract: String?
        package let discussion: String?
    }

    package let commandName: String
    package let superCommands: [String]?
    package let shouldDisplay: Bool?
    package let abstract: String?
    package let discussion: String?
    package let subcommands: [CommandHelp]?
    let arguments: [Argument]?
    /// The subcommand that runs when none is named.
    let defaultSubcommand: String?

    /// The document's outermost object.
    struct Document: Decodable {
        let command: CommandHelp
    }

    /// What `--help` shows, without `--help` and `--version` themselves, which every command has.
    ///
    /// A default subcommand's come first, since they may be given without its name.
    package var shownArguments: [Argument] {
        let implied = subcommands?.first { $0.commandName == defaultSubcommand }?.shownArguments ?? []
        return implied
            + (arguments ?? []).filter { argument in
                let isUsual = argument.names?.contains { ["help", "version"].contains($0.name) } ?? false
                return argument.shouldDisplay && !isUsual
            }
    }

    /// The subcommands that `--help` shows.
    package var shownSubcommands: [CommandHelp] {
        (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
    }

    /// The words by which the command is called, the program's name first.
    package var path: [String] { (superCommands ?? []) + [commandName] }
}

extension CommandHelp.Argument {
    /// The value as the synopsis names it; empty for a flag.
    package var value: String { kind == "flag" ? "" : valueName ?? "value" }

    /// The argument in a synopsis, brackets and dots included.
    package var synopsis: String {
        let name = names?.first.map(\.text)
        var text = [name, value.isEmpty ? nil : "<\(value)>"].compactMap { $0 }.joined(separator: " ")
        if isRepeating { text += " ..." }
        return isOptional || kind != "positional" ? "[\(text)]" : text
    }
}
