// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetCore
import Terminal

/// The whole program, apart from the process that it runs in.
package struct Program: Sendable {
    package static let version = FlotillaVersion.current

    /// What a call without arguments is told.
    package static let usage =
        "usage: cluster-manager --start [--celixAgents=N] [--felixAgents=N] [--unitFilesPath=DIR] | --stop | --status"
        + " | COMMAND ...; see 'cluster-manager --help'"

    private var console: Console
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
        var program = self
        if GlobalOptions.asksForJSON(given) { program.console = console.inJSON }
        return await program.finish(given)
    }

    private func finish(_ given: [String]) async -> ExitStatus {
        let status = await carryOut(given)
        // What was done stays done, but a result that is not there is no result.
        guard let reason = console.output.failure() else { return status }
        let error = ClusterManagerError(.output, OutputSink.words(for: reason))
        return max(fail(error, given), status)
    }

    private func carryOut(_ given: [String]) async -> ExitStatus {
        let command: any AsyncParsableCommand
        let arguments: [String]
        do {
            let line = try FleetctlCommandLine(given, environment: environment)
            arguments = line.arguments
            for warning in line.warnings { console.errors.line("cluster-manager: \(warning)") }
        } catch {
            return fail(ClusterManagerError(wrapping: error), given)
        }
        if arguments.first == "help", let unknown = CommandPath(arguments.dropFirst(), isHelp: true).unknown {
            return fail(ClusterManagerError(.usage, unknown), arguments)
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
            return await answer(to: error, arguments)
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
            var error = ClusterManagerError(wrapping: error)
            if let command = command as? any FleetCommand, error.status == nil, error.code != .usage {
                error.status = type(of: command).statusWithoutAnswer
            }
            return fail(error, arguments)
        }
    }

    /// Tells what went wrong on standard error: a line for people, an object for who asked for JSON.
    private func fail(_ error: ClusterManagerError, _ arguments: [String]) -> ExitStatus {
        if GlobalOptions.asksForJSON(arguments) {
            if !error.message.isEmpty { console.errors.write(JSONOutput.line(JSONFailure(error))) }
        } else if error.message.hasPrefix("usage:") {
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
            do {
                let context = try context(settings, options, format: format, ssh: ssh, become: become)
                return try await command.runTellingAge(in: context)
            } catch let error as ClusterManagerError where error.code == .unreachable && settings.isByDefault {
                var error = error
                error.message +=
                    "; on a machine that is none of the cluster's a profile says where to ask: cluster-manager profile add FILE"
                throw error
            }
        }
        let endpoint = settings.endpoint
        let tunnel = try await SSHTunnel.open(to: host, target: settings.tunnelTarget(), settings: ssh)
        settings.endpoint = "unix:\(tunnel.socket)"
        do {
            let context = try context(settings, options, format: format, ssh: ssh) { [become] program in
                tunnel.close()
                try become(program)
            }
            try await command.runTellingAge(in: context)
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
        let observer = RequestObserver(console.errors, tellsAll: debug)
        fleet = ObservedFleet(fleet, observer)
        return CommandContext(
            fleet: fleet, console: console, environment: environment, format: format, ssh: ssh,
            localMachine: localMachine, client: { try FleetClientAdapter.client(settings, observer: observer) },
            become: become,
            ages: settings.ages)
    }

    /// Tells what ArgumentParser has to say: help and such as a result, a mistake as one line.
    private func answer(to error: any Error, _ arguments: [String]) async -> ExitStatus {
        var message = RootCommand.message(for: error)
        if RootCommand.exitCode(for: error) == .success {
            let columns = TerminalWidth.columns(environment)
            let page = RootCommand.fullMessage(for: error, columns: HelpText.layout(for: columns))
            guard page == Self.version,
                let surplus = await CommandMistake.surplus(besideVersion: arguments, of: RootCommand.self)
            else {
                console.output.line(HelpText.page(page, columns: columns))
                return .success
            }
            message = surplus
        }
        let line = ArgumentMistake(message, arguments: arguments).line
        return fail(ClusterManagerError(.usage, line), arguments)
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
