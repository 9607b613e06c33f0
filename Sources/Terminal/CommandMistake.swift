// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// What is wrong with a command line, in one line instead of ArgumentParser's page.
package struct CommandMistake {
    /// What a program ends with whose status 1 already says something else.
    package static let exitStatus: Int32 = 2

    /// The mistake, and where more is said.
    package let line: String

    /// A mistake in the arguments of `program`.
    ///
    /// - Parameters:
    ///   - message: What ArgumentParser says of them.
    ///   - arguments: What stands behind the program's name.
    ///   - program: The program's own command.
    ///   - page: Where the options of the command that need not be named are, if not on the program's own page.
    package init(
        _ message: String, _ arguments: [String], of program: any ParsableCommand.Type, page: String? = nil
    ) {
        let path = Self.path(arguments[...], of: program)
        if let unknown = path.unknownCommand(behind: message) {
            line = unknown
            return
        }
        var text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        var suggestion: String?
        // ArgumentParser suggests also what has hardly a letter in common.
        if let range = text.firstRange(of: ". Did you mean '") {
            let meant = String(text[range.upperBound...].prefix { $0 != "'" })
            let given = String(text[..<range.lowerBound].split(separator: "'").last ?? "")
            if Spelling.isSlip(Self.bare(given), of: Self.bare(meant)) { suggestion = meant }
            text = String(text[..<range.lowerBound])
        }
        if let first = text.first { text = first.lowercased() + text.dropFirst() }
        while text.last == "." || text.last == " " { text.removeLast() }
        let question = suggestion.map { "; did you mean '\($0)'?" } ?? ";"
        line = "\(text)\(question) see '\(path.names.isEmpty ? page ?? path.help : path.help)'"
    }

    /// A mistake in the words behind `help`, for which ArgumentParser would show the whole program's page.
    package init?(inHelp arguments: [String], of program: any ParsableCommand.Type) {
        guard arguments.first == "help",
            let unknown = Self.path(arguments.dropFirst(), of: program, isHelp: true).unknown
        else { return nil }
        line = unknown
    }

    /// What ArgumentParser would say of what stands beside `--version`, which it passes over.
    ///
    /// A command's name may stand there, and need not have its own arguments.
    ///
    /// - Parameters:
    ///   - arguments: What stands behind the program's name, and was answered with the version.
    ///   - program: The program's own command.
    /// - Returns: Its message; `nil` where nothing is surplus.
    package static func surplus(
        besideVersion arguments: [String], of program: any AsyncParsableCommand.Type
    ) async -> String? {
        do {
            _ = try await program.asyncParseAsRoot(arguments.filter { $0 != "--version" })
            return nil
        } catch {
            let message = program.message(for: error)
            let said = message.lowercased()
            return said.hasPrefix("unknown option") || said.contains("unexpected argument") ? message : nil
        }
    }

    /// The command that a command line names, or that stands behind `help`.
    private static func path(
        _ arguments: ArraySlice<String>, of program: any ParsableCommand.Type, isHelp: Bool = false
    ) -> CommandPath {
        CommandPath(arguments, of: program, isHelp: isHelp)
    }

    /// An option's name without its dashes.
    private static func bare(_ option: String) -> String { String(option.drop { $0 == "-" }) }
}
