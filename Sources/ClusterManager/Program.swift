// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore

/// The whole program, apart from the process that it runs in.
package struct Program: Sendable {
    package static let version = FlotillaVersion.current

    /// What a call without arguments is told.
    package static let usage =
        "usage: cluster-manager --start [--celixAgents=N] [--felixAgents=N] [--unitFilesPath=DIR] | --stop | --status"
        + " | COMMAND ...; see 'cluster-manager --help'"

    private let console: Console
    private let environment: [String: String]
    private let connect: @Sendable (ConnectionSettings) throws -> any FleetService
    private let become: @Sendable (ExternalProgram) throws -> Void
    private let localMachine: String?

    /// Makes a program.
    ///
    /// - Parameters:
    ///   - console: Where results, mistakes and progress go.
    ///   - environment: The process's environment variables.
    ///   - localMachine: Id of the machine that this runs on.
    ///   - connect: Gives the cluster at an endpoint; makes no connection yet.
    ///   - become: Ends the process by becoming another program.
    package init(
        console: Console, environment: [String: String], localMachine: String? = LocalMachine.id,
        connect: @escaping @Sendable (ConnectionSettings) throws -> any FleetService = FleetClientAdapter.connect,
        become: @escaping @Sendable (ExternalProgram) throws -> Void = { try $0.become() }
    ) {
        self.console = console
        self.environment = environment
        self.localMachine = localMachine
        self.become = become
        self.connect = connect
    }

    /// Carries out one command line.
    ///
    /// - Parameter given: The arguments, without the program's name.
    /// - Returns: What the process's exit status has to say; the words have been printed.
    package func run(_ given: [String]) async -> ExitStatus {
        let command: any AsyncParsableCommand
        let arguments: [String]
        do {
            let line = try FleetctlCommandLine(given, environment: environment)
            arguments = line.arguments
            for warning in line.warnings { console.errors.line("cluster-manager: \(warning)") }
        } catch {
            return fail(ClusterManagerError(wrapping: error))
        }
        do {
            var parsed = try await RootCommand.asyncParseAsRoot(arguments)
            guard let ours = parsed as? any AsyncParsableCommand, ours is any FleetCommand || ours is any LocalCommand
            else {
                // ArgumentParser's own commands, such as help, answer by what they throw.
                try parsed.run()
                return .success
            }
            command = ours
        } catch {
            return answer(to: error, arguments)
        }
        do {
            try refuseForeignFlags(in: arguments, of: command)
            if let command = command as? any LocalCommand {
                try await command.run(on: console)
            } else if let command = command as? any FleetCommand {
                try await run(command)
            }
            return .success
        } catch {
            return fail(ClusterManagerError(wrapping: error))
        }
    }

    private func fail(_ error: ClusterManagerError) -> ExitStatus {
        if error.message.hasPrefix("usage:") {
            console.errors.line(error.message)
        } else if !error.message.isEmpty {
            console.errors.line("cluster-manager: \(error.message)")
        }
        return error.exitStatus
    }

    /// Runs a command against the cluster, through a tunnel if one is asked for.
    private func run(_ command: any FleetCommand) async throws {
        let options = command.global
        let format = try type(of: command).ownsOutput ? .table : options.format()
        let ssh = try options.ssh(environment: environment)
        var settings = try options.settings(environment: environment)
        guard let host = ssh.tunnel else {
            return try await command.run(in: context(settings, options, format: format, ssh: ssh, become: become))
        }
        let endpoint = settings.endpoint
        let tunnel = try await SSHTunnel.open(to: host, target: settings.tunnelTarget(), settings: ssh)
        settings.endpoint = "unix:\(tunnel.socket)"
        do {
            let context = try context(settings, options, format: format, ssh: ssh) { [become] program in
                tunnel.close()
                try become(program)
            }
            try await command.run(in: context)
        } catch {
            tunnel.close()
            var error = ClusterManagerError(wrapping: error)
            // The socket in the temporary folder means nothing to anybody.
            error.message = error.message.replacing(settings.endpoint, with: "\(endpoint) through \(host)")
            throw error
        }
        tunnel.close()
    }

    private func context(
        _ settings: ConnectionSettings, _ options: GlobalOptions, format: OutputFormat, ssh: SSHSettings,
        become: @escaping @Sendable (ExternalProgram) throws -> Void
    ) throws -> CommandContext {
        var fleet = try connect(settings)
        let debug = options.debug || environment["FLEETCTL_DEBUG"] == "true"
        if debug { console.errors.line("debug: endpoint \(settings.endpoint)") }
        if debug || console.errors.isTerminal {
            fleet = ObservedFleet(fleet, stream: console.errors, tellsAll: debug)
        }
        return CommandContext(
            fleet: fleet, console: console, environment: environment, format: format, ssh: ssh,
            localMachine: localMachine, client: { try FleetClientAdapter.client(settings) }, become: become)
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
    private func refuseForeignFlags(in arguments: [String], of command: any AsyncParsableCommand) throws {
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
        if command == nil, let word = arguments.first, !word.hasPrefix("-"),
            text.hasPrefix("Unexpected argument") || text.contains(" unexpected arguments:")
        {
            text =
                "unknown command '\(word)'"
                + (Spelling.nearest(to: word, among: names).map { "; did you mean '\($0)'?" } ?? "")
        }
        let negative = arguments.first { $0.hasPrefix("-") && $0.count > 1 && $0.dropFirst().allSatisfy(\.isNumber) }
        if command == Scale._commandName, let negative {
            text = "the number of instances must be 0 or more, not \(negative)"
        }
        // A suggestion can be the very opposite of what was meant, `--stop` among others.
        if let suggestion = text.firstRange(of: ". Did you mean") { text = String(text[..<suggestion.lowerBound]) }
        if let first = text.first { text = first.lowercased() + text.dropFirst() }
        while text.last == "." || text.last == " " { text.removeLast() }
        let help = command.map { "cluster-manager \($0) --help" } ?? "cluster-manager --help"
        line = "\(text); see '\(help)'"
    }
}
