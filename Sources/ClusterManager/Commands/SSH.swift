// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct SSH: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh",
        abstract: "Log in to a machine of the cluster, or run a command there.",
        usage: """
            cluster-manager ssh [options] MACHINE|UNIT [--] [COMMAND ...]
            cluster-manager ssh [options] --machine MACHINE | --unit UNIT
                [--] [COMMAND ...]
            """,
        discussion: """
            Finds the address in the cluster and becomes the system's ssh, whose exit status is then this command's. A machine \
            is meant by \(MachineArgument.words). All words behind the target belong to the remote command.

            EXAMPLES:
              cluster-manager ssh web.service
              cluster-manager ssh 9f2c4e1a uptime
              cluster-manager ssh --unit web.service -A -- systemctl --failed
              cluster-manager --tunnel bastion.example.org ssh web.service
            """)

    @Option(
        help: MachineArgument.help,
        completion: .custom(UnitCompletion.machines))
    var machine: String?

    @Option(
        help: ArgumentHelp("The machine that has this unit.", valueName: "unit"),
        completion: .custom(UnitCompletion.names))
    var unit: String?

    @Flag(
        name: [.customLong("forward-agent"), .customShort("A"), .customLong("A")],
        help: "Let the machine use the keys of your ssh agent.")
    var forwardAgent = false

    @OptionGroup var port: SSHPort

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The machine or unit, if no option names it, and the remote command.", valueName: "word"),
        completion: .custom(UnitCompletion.places))
    var words: [String] = []

    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func validate() throws {
        if machine != nil && unit != nil {
            throw ValidationError("--machine and --unit name one machine each; give one of them")
        }
        if machine == nil && unit == nil && words.isEmpty {
            throw ValidationError("which machine? Name a unit, or a machine by its name, address or id")
        }
    }

    func run(in context: CommandContext) async throws {
        var words = words[...]
        let found: FleetMachine
        if let machine {
            found = try await context.machine(machine)
        } else if let unit {
            found = try await RemoteTarget.machine(
                of: try UnitArgument(unit).name(), on: nil, in: context.fleet)
        } else {
            found = try await context.place(words.removeFirst())
        }
        // The one of the command line stands before the target already.
        if words.first == "--" { words.removeFirst() }
        let program = try RemoteTarget(found)
            .ssh(context.ssh, port: port.sshPort, forwardsAgent: forwardAgent, command: Array(words))
        try context.become(program)
    }
}

/// The port of the machines' ssh servers.
struct SSHPort: ParsableArguments {
    @Option(
        name: .customLong("ssh-port"),
        help: ArgumentHelp(
            "Port of the machine's ssh server; without it, as ssh's configuration says.", valueName: "port"))
    var sshPort: UInt16?

    func validate() throws {
        if sshPort == 0 { throw ValidationError("--ssh-port must be a number from 1 to 65535") }
    }
}
