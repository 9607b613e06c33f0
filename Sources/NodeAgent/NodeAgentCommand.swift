// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
package import ArgumentParser
import FoundationEssentials
import Glibc
import HTTPTransport
import Logging
import Systemd
import Terminal

/// `node-agent`: the daemon, its check of settings, and the guard that runs beside it.
package struct NodeAgentCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "node-agent",
        abstract: "Run this machine's part of a Flotilla cluster.",
        discussion: """
            Registers the machine in etcd, runs the units that the leader assigns to it through systemd, takes part in the \
            election of the leader, and answers the HTTP API.

            Every setting is a flag, an environment variable (--etcd-endpoints is FLOTILLA_ETCD_ENDPOINTS) and a line of the \
            configuration file (either name, then =VALUE); a flag wins over the environment, which wins over the file. \
            Lines of fleet's fleet.conf and variables FLEET_... are read, too, where they mean the same; the others are \
            named in a warning. --check shows what is in force.

            EXAMPLES
              node-agent --check
              node-agent --etcd-endpoints http://10.0.0.1:2379 --metadata role=worker
              node-agent join tls:10.0.0.1:49154 FLT1-...

            EXIT STATUS
              0  ended in order
              1  a setting cannot be used, or the agent cannot run;
                 the reason is on standard error
             77  the cluster has revoked this machine
            """,
        version: NodeAgentProgram.version,
        subcommands: [RunCommand.self, JoinCommand.self, AdoptCommand.self, GuardCommandLine.self],
        defaultSubcommand: RunCommand.self)

    package init() {}

    /// What is wrong with a command line, in one line instead of ArgumentParser's page.
    static func mistake(_ message: String, _ arguments: [String]) -> String {
        CommandMistake(message, arguments, of: Self.self, page: SettingKey.listing).line
    }

    /// What is wrong with the words behind `help`, for which ArgumentParser would show the whole program's page.
    static func mistake(inHelp arguments: [String]) -> String? {
        CommandMistake(inHelp: arguments, of: Self.self)?.line
    }

    /// What is wrong with what stands beside `--version`.
    static func mistake(besideVersion arguments: [String]) async -> String? {
        await CommandMistake.surplus(besideVersion: arguments, of: Self.self).map { mistake($0, arguments) }
    }

    /// Runs the command that `arguments` name and ends the process.
    package static func start(_ arguments: [String]) async -> Never {
        OutputSink.occupyStandardStreams()
        TerminalWidth.settle()
        if let mistake = mistake(inHelp: arguments) { fail(mistake) }
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            end(EXIT_SUCCESS)
        } catch {
            let status = exitCode(for: error)
            guard status != .validationFailure else { fail(mistake(message(for: error), arguments)) }
            let text = fullMessage(for: error)
            if text == configuration.version, let mistake = await mistake(besideVersion: arguments) { fail(mistake) }
            // A call for help is no failure, and its answer may be piped on.
            if !text.isEmpty { if status.isSuccess { OutputSink.results.line(text) } else { HostFiles.complain(text) } }
            end(status.rawValue)
        }
    }

    private static func fail(_ mistake: String) -> Never {
        HostFiles.complain("node-agent: \(mistake)")
        end(EXIT_FAILURE)
    }

    /// Ends the process; what was done stays done, but a result that is not there is no result.
    private static func end(_ status: Int32) -> Never {
        guard let failure = OutputSink.results.failure else { endProcess(status) }
        HostFiles.complain("node-agent: \(OutputSink.words(for: failure))")
        endProcess(max(status, EXIT_FAILURE))
    }
}

/// The daemon itself.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the agent (the default).")

    @Option(help: "Configuration file (default: /etc/flotilla/node-agent.conf, else /etc/fleet/fleet.conf).")
    var config: String?

    @Flag(help: "Check the settings, print what is in force and where it was set, and exit.")
    var check = false

    @OptionGroup(title: "Settings") var flags: SettingFlags

    func run() async throws {
        do {
            let sources = try SettingSources(
                flags: flags.given, environment: ProcessInfo.processInfo.environment, file: try file())
            let settings = try AgentSettings(sources) { path throws(SettingsError) in
                do throws(HostError) {
                    return try HostFiles.read(path, takesStreams: true)
                } catch {
                    throw SettingsError(error.message)
                }
            }
            for warning in sources.warnings { HostFiles.complain("node-agent: \(warning)") }
            if check { return try report(sources, settings) }
            try await serve(settings)
        } catch let error as ExitCode {
            throw error
        } catch let error as RevokedError {
            HostFiles.complain("node-agent: \(error)")
            throw ExitCode(RevokedError.exitStatus)
        } catch {
            HostFiles.complain("node-agent: \(error)")
            throw ExitCode.failure
        }
    }

    /// Ours, or else fleet's, on a machine that has moved here from fleet.
    private static let standardFiles = ["/etc/flotilla/node-agent.conf", "/etc/fleet/fleet.conf"]

    private func file() throws -> (path: String, text: String)? {
        if let config { return (config, try HostFiles.read(config, takesStreams: true)) }
        for path in Self.standardFiles where access(path, F_OK) == 0 { return (path, try HostFiles.read(path)) }
        return nil
    }

    /// Prints every setting with its origin, after looking at what only this machine can tell.
    private func report(_ sources: SettingSources, _ settings: AgentSettings) throws {
        for line in sources.report { HostFiles.say(line) }
        let identity = try HostIdentity(machineIDFile: settings.machineIDFile)
        if !settings.publicIP.isEmpty { try NetworkAddresses.check(settings.publicIP) }
        HostFiles.say("settings are good; this is machine \(identity.id) (\(identity.hostName))")
    }

    private func serve(_ settings: AgentSettings) async throws {
        signal(SIGPIPE, SIG_IGN)
        LoggingSystem.bootstrap { JournalLogHandler(label: $0, level: settings.logLevel) }
        let program = NodeAgentProgram(
            settings: settings, executable: try HostFiles.resolve("/proc/self/exe"), logger: Logger(label: "node-agent")
        )
        try await program.run(stop: StopSignals.stream())
    }
}

/// One option per setting; texts come from `SettingKey`, so that the help and `--check` never differ.
struct SettingFlags: ParsableArguments {
    @Option(help: .setting(.etcdEndpoints)) var etcdEndpoints: String?
    @Option(help: .setting(.etcdUser)) var etcdUser: String?
    @Option(help: .setting(.etcdPasswordFile)) var etcdPasswordFile: String?
    @Option(name: .customLong("etcd-ca-file"), help: .setting(.etcdCAFile)) var etcdCAFile: String?
    @Option(help: .setting(.etcdCertFile)) var etcdCertFile: String?
    @Option(help: .setting(.etcdKeyFile)) var etcdKeyFile: String?
    @Option(help: .setting(.storeGates)) var storeGates: String?
    @Option(help: .setting(.cluster)) var cluster: String?
    @Option(name: .customLong("public-ip"), help: .setting(.publicIP)) var publicIP: String?
    @Option(help: .setting(.metadata)) var metadata: String?
    @Option(name: .customLong("api-listen"), help: .setting(.apiListen)) var apiListen: String?
    @Option(name: .customLong("session-ttl"), help: .setting(.sessionTTL)) var sessionTTL: String?
    @Option(help: .setting(.roles)) var roles: String?
    @Option(help: .setting(.machineName)) var machineName: String?
    @Option(name: .customLong("machine-id-file"), help: .setting(.machineIDFile)) var machineIDFile: String?
    @Option(help: .setting(.runtimeDirectory)) var runtimeDirectory: String?
    @Option(help: .setting(.systemdManager)) var systemdManager: String?
    @Option(name: .customLong("guard"), help: .setting(.guardUnit)) var guardUnit: String?
    @Option(help: .setting(.logLevel)) var logLevel: String?
    @Option(help: .setting(.identityDirectory)) var identityDirectory: String?
    @Option(help: .setting(.authorityDirectory)) var authorityDirectory: String?
    @Option(help: .setting(.auditRetention)) var auditRetention: String?
    @Option(help: .setting(.insecure)) var insecure: String?

    /// What was given, by setting.
    var given: [SettingKey: String] {
        let all: [SettingKey: String?] = [
            .etcdEndpoints: etcdEndpoints, .etcdUser: etcdUser, .etcdPasswordFile: etcdPasswordFile,
            .etcdCAFile: etcdCAFile, .etcdCertFile: etcdCertFile, .etcdKeyFile: etcdKeyFile, .storeGates: storeGates,
            .cluster: cluster, .publicIP: publicIP, .metadata: metadata, .apiListen: apiListen, .sessionTTL: sessionTTL,
            .roles: roles,
            .machineName: machineName, .machineIDFile: machineIDFile, .runtimeDirectory: runtimeDirectory,
            .systemdManager: systemdManager, .guardUnit: guardUnit, .logLevel: logLevel,
            .identityDirectory: identityDirectory, .authorityDirectory: authorityDirectory,
            .auditRetention: auditRetention, .insecure: insecure,
        ]
        return all.compactMapValues(\.self)
    }
}

extension ArgumentHelp {
    /// The help of a setting, with its default.
    static func setting(_ key: SettingKey) -> ArgumentHelp {
        let standard = key.defaultText
        return ArgumentHelp("\(key.help)\(standard.isEmpty ? "" : " (default: \(standard))")", valueName: "value")
    }
}

/// The operator's word after an agent has refused what etcd answers.
struct AdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "Let the agent of this machine join the store that it has refused.",
        discussion: """
            An agent whose etcd came back empty, set back or as another cluster's stops nothing and takes nothing on. This \
            command ends that: the agent forgets the store it knew, begins anew within seconds, and does what the store \
            that is there now says. Units that it does not know are stopped, so restore etcd or the cluster's backup first.
            """)

    @Option(help: .setting(.runtimeDirectory)) var runtimeDirectory: String?

    func run() throws {
        let given = runtimeDirectory ?? ProcessInfo.processInfo.environment[SettingKey.runtimeDirectory.variable]
        do {
            try SessionFile(runtimeDirectory: given ?? SettingKey.runtimeDirectory.defaultText).requestAdoption()
            HostFiles.say("the agent of this machine joins the store that is there now; see its log")
        } catch {
            HostFiles.complain("node-agent: \(error)")
            throw ExitCode.failure
        }
    }
}

/// The guard: kills this machine's units, by way of systemd, when the agent no longer proves its session.
struct GuardCommandLine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "Be the guard beside an agent; systemd runs this.", shouldDisplay: false)

    @Option(help: "The FIFO through which the agent feeds the guard.") var fifo: String

    func run() throws { try GuardProcess.run(fifo: fifo) }
}
