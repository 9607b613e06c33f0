// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// The manual of a program: one page for it and one for each of its commands.
package struct ManualSource: Sendable {
    private let root: CommandHelp
    private let section: Int

    /// Reads what a program prints by `--experimental-dump-help`.
    ///
    /// - Throws: `ClusterManagerError.usage` for text that is not that, and for a section that is none.
    package init(_ dump: Data, section: Int) throws {
        guard (1...9).contains(section) else {
            throw ClusterManagerError(.usage, "the manual has sections 1 to 9, not \(section)")
        }
        guard let document = try? JSONDecoder().decode(CommandHelp.Document.self, from: dump) else {
            throw ClusterManagerError(
                .usage, "this is not what a program prints by --experimental-dump-help")
        }
        self.root = document.command
        self.section = section
    }

    /// The command that the words behind the program's name call.
    private func find(_ words: [String]) throws -> CommandHelp {
        var command = root
        for word in words {
            guard let next = command.shownSubcommands.first(where: { $0.commandName == word }) else {
                throw ClusterManagerError(.usage, "there is no command '\(words.joined(separator: " "))'")
            }
            command = next
        }
        return command
    }

    /// The words behind the program's name of every command that has a page, the program's own first.
    package var commands: [[String]] {
        func below(_ command: CommandHelp, _ words: [String]) -> [[String]] {
            [words] + command.shownSubcommands.flatMap { below($0, words + [$0.commandName]) }
        }
        return below(root, [])
    }

    /// The file name of a command's page: `cluster-manager.1`, `cluster-manager-start.1` and so on.
    package func pageName(_ words: [String]) -> String {
        ([root.commandName] + words).joined(separator: "-") + ".\(section)"
    }

    /// The page of a command.
    ///
    /// - Parameter words: What stands behind the program's name; none for the program's own page.
    /// - Returns: Source in the macros of man(7).
    /// - Throws: `ClusterManagerError.usage` for a command that does not exist.
    package func page(_ words: [String]) throws -> String {
        let command = try find(words)
        let name = ([root.commandName] + words).joined(separator: "-")
        var page = ManualPage(name: name, section: section)
        page.heading("NAME")
        page.line("\(name) - \(Self.withoutStop(command.abstract ?? name))")
        page.heading("SYNOPSIS")
        page.bold(([root.commandName] + words).joined(separator: " "))
        for argument in command.shownArguments { page.line(argument.synopsis) }
        if !command.shownSubcommands.isEmpty { page.line("[command ...]") }
        if let discussion = command.discussion {
            page.heading("DESCRIPTION")
            page.text(discussion)
        }
        options(of: command, on: &page)
        if !command.shownSubcommands.isEmpty {
            page.heading("COMMANDS")
            for subcommand in command.shownSubcommands {
                page.item(subcommand.commandName, subcommand.abstract ?? "")
            }
        }
        page.heading("SEE ALSO")
        var related = command.shownSubcommands.map { "\(name)-\($0.commandName)" }
        if !words.isEmpty { related.insert(([root.commandName] + words.dropLast()).joined(separator: "-"), at: 0) }
        page.line((related.map { "\($0)(\(section))" } + ["systemd.unit(5)"]).joined(separator: ", "))
        return page.source
    }

    /// Arguments first, then options by their groups.
    private func options(of command: CommandHelp, on page: inout ManualPage) {
        let positional = command.shownArguments.filter { $0.kind == "positional" }
        if !positional.isEmpty {
            page.heading("ARGUMENTS")
            for argument in positional { page.item("<\(argument.value)>", argument.words) }
        }
        let named = command.shownArguments.filter { $0.kind != "positional" }
        var titles: [String] = []
        for argument in named {
            let title = argument.sectionTitle ?? "Options"
            if !titles.contains(title) { titles.append(title) }
        }
        for title in titles {
            page.heading(title.uppercased())
            for argument in named where (argument.sectionTitle ?? "Options") == title {
                let names = (argument.names ?? []).map(\.text).joined(separator: ", ")
                page.item(argument.value.isEmpty ? names : "\(names) <\(argument.value)>", argument.words)
            }
        }
    }

    private static func withoutStop(_ text: String) -> String { text.hasSuffix(".") ? String(text.dropLast()) : text }
}

extension CommandHelp.Argument {
    /// What `--help` says of it.
    fileprivate var words: String { [abstract, discussion].compactMap { $0 }.joined(separator: " ") }
}
