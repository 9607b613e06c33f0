// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The program: the INAETICS demonstrator's flags by themselves, and fleet's commands as subcommands.
struct RootCommand: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster-manager",
        abstract: "Run units in a cluster of machines, and see how they do.",
        usage: """
            cluster-manager --start [--celixAgents=N] [--felixAgents=N]
                [--unitFilesPath=DIR]
            cluster-manager --stop
            cluster-manager --status
            cluster-manager COMMAND ...
            """,
        discussion: """
            With --start, --stop or --status it runs the INAETICS demonstrator: provisioning, Felix agents and Celix \
            agents. With a command it handles any systemd unit, as fleetctl did.

            EXAMPLES:
              cluster-manager --start --celixAgents=3 --felixAgents=3
              cluster-manager --status
              cluster-manager start web.service
              cluster-manager list-units --fields unit,machine,active

            COMPLETION:
              cluster-manager completion bash

            \(ExitStatus.help)
            """,
        version: Program.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Bringing units up",
                subcommands: [Submit.self, Load.self, Start.self, Restart.self, Scale.self, Apply.self, Move.self]),
            CommandGroup(name: "Taking units down", subcommands: [Stop.self, Unload.self, Destroy.self]),
            CommandGroup(
                name: "Looking",
                subcommands: [
                    Cat.self, Status.self, IsActive.self, IsFailed.self, Explain.self, Journal.self, ListUnits.self,
                    ListUnitFiles.self, ListMachines.self, Verify.self,
                ]),
            CommandGroup(
                name: "Machines",
                subcommands: [
                    SSH.self, Metadata.self, Cordon.self, Uncordon.self, Drain.self, Reboot.self, Machine.self,
                ]),
            CommandGroup(
                name: "The whole cluster",
                subcommands: [OperationCommand.self, BrakeCommand.self, Backup.self, Restore.self]),
            CommandGroup(
                name: "Who may do what",
                subcommands: [Cluster.self, Token.self, User.self, ProfileCommand.self, Audit.self]),
            CommandGroup(
                name: "This program", subcommands: [Completion.self, FdForward.self, Manual.self, Version.self]),
        ])

    @OptionGroup(title: "Demonstrator") var demonstration: DemonstrationOptions
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let run = DemonstrationRun(context)
        switch try demonstration.request() {
        case .start(let counts, let folder, let patience):
            let path = try DemonstrationFolder.path(folder, environment: context.environment)
            let files = try DemonstrationFolder.read(path)
            try await run.start(counts, files: files, patience: patience)
        case .stop(let patience): try await run.stop(patience: patience)
        case .status: try await run.status()
        }
    }
}
