// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The whole program, apart from the process that it runs in.
package struct Program: Sendable {
    package static let version = "0.1.0"

    /// What a call without arguments is told.
    package static let usage =
        "usage: cluster-manager --start [--celixAgents=N] [--felixAgents=N] [--unitFilesPath=DIR] | --stop | --status"
        + " | COMMAND ...; see 'cluster-manager --help'"

    private let console: Console
    private let environment: [String: String]
    private let connect: @Sendable (ConnectionSettings) throws -> any FleetService

    /// Makes a program.
    ///
    /// - Parameters:
    ///   - console: Where results, mistakes and progress go.
    ///   - environment: The process's environment variables.
    ///   - connect: Gives the cluster at an endpoint; makes no connection yet.
    package init(
        console: Console, environment: [String: String],
        connect: @escaping @Sendable (ConnectionSettings) throws -> any FleetService = FleetClientAdapter.connect
    ) {
        self.console = console
        self.environment = environment
        self.connect = connect
    }

    /// Carries out one command line.
    ///
    /// - Parameter arguments: Without the program's name.
    /// - Returns: What the process's exit status has to say; the words have been printed.
    package func run(_ arguments: [String]) async -> ExitStatus {
        let command: any FleetCommand
        do {
            var parsed = try await RootCommand.asyncParseAsRoot(arguments)
            guard let fleetCommand = parsed as? any FleetCommand else {
                // ArgumentParser's own commands, such as help, answer by what they throw.
                try parsed.run()
                return .success
            }
            command = fleetCommand
        } catch {
            return answer(to: error, arguments)
        }
        do {
            try refuseForeignFlags(in: arguments, of: command)
            try await command.run(in: context(for: command.global))
            return .success
        } catch {
            let error = ClusterManagerError(wrapping: error)
            if error.message.hasPrefix("usage:") {
                console.errors.line(error.message)
            } else if !error.message.isEmpty {
                console.errors.line("cluster-manager: \(error.message)")
            }
            return error.exitStatus
        }
    }

    private func context(for options: GlobalOptions) throws -> CommandContext {
        let settings = options.settings(environment: environment)
        var fleet = try connect(settings)
        if options.debug { console.errors.line("debug: endpoint \(settings.endpoint)") }
        if options.debug || console.errors.isTerminal {
            fleet = ObservedFleet(fleet, stream: console.errors, tellsAll: options.debug)
        }
        return CommandContext(fleet: fleet, console: console, environment: environment, format: options.output)
    }

    /// Tells what ArgumentParser has to say: help and such as a result, a mistake as one line.
    private func answer(to error: any Error, _ arguments: [String]) -> ExitStatus {
        if RootCommand.exitCode(for: error) == .success {
            console.output.line(RootCommand.fullMessage(for: error))
            return .success
        }
        let line = ArgumentMistake(RootCommand.message(for: error), arguments: arguments).line
        console.errors.line("cluster-manager: \(line)")
        return .failure
    }

    /// The demonstrator's flags are options of the program itself, which ArgumentParser takes wherever they stand.
    private func refuseForeignFlags(in arguments: [String], of command: any FleetCommand) throws {
        guard !(command is RootCommand) else { return }
        let name = type(of: command)._commandName
        for argument in arguments.prefix(while: { $0 != "--" }) {
            let flag = argument.prefix { $0 != "=" }
            guard DemonstrationOptions.names.contains(String(flag)) else { continue }
            throw ClusterManagerError(
                .usage, "\(flag) does not go with the command '\(name)'; see 'cluster-manager --help'")
        }
    }
}

/// What is wrong with a command line, in one line instead of ArgumentParser's page.
struct ArgumentMistake {
    let line: String

    init(_ message: String, arguments: [String]) {
        let subcommands = RootCommand.configuration.groupedSubcommands.flatMap(\.subcommands)
        let names = subcommands.map { $0._commandName }
        let command = arguments.first { names.contains($0) }
        var text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        if command == nil, let word = arguments.first, !word.hasPrefix("-"), text.hasPrefix("Unexpected argument") {
            text = "unknown command '\(word)'"
        }
        // A suggestion can be the very opposite of what was meant, `--stop` among others.
        if let suggestion = text.firstRange(of: ". Did you mean") { text = String(text[..<suggestion.lowerBound]) }
        if let first = text.first { text = first.lowercased() + text.dropFirst() }
        while text.last == "." || text.last == " " { text.removeLast() }
        let help = command.map { "cluster-manager \($0) --help" } ?? "cluster-manager --help"
        line = "\(text); see '\(help)'"
    }
}
