// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `metadata`: machines' metadata, which units choose machines by.
struct Metadata: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show and change the metadata of machines; units follow at once.",
        discussion: """
            What is set here wins over what the machine's own configuration says, and outlives its restarts.

            EXAMPLES:
              cluster-manager metadata show
              cluster-manager metadata set 9f2c4e1a role=db zone=a
              cluster-manager metadata delete 9f2c4e1a zone
            """,
        subcommands: [Show.self, Set.self, Delete.self])

    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the metadata of all machines, or of one.",
            discussion: """
                EXAMPLES:
                  cluster-manager metadata show
                  cluster-manager metadata show 9f2c4e1a --output json
                """)

        @Argument(
            help: MachineArgument.help,
            completion: .custom(UnitCompletion.machines))
        var machine: String?
        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let columns = try MachineRow.columns(for: list.fieldNames ?? ["machine", "metadata"])
            let machines =
                if let machine { [try await context.machine(machine)] } else { try await context.fleet.machines() }
            try context.render(machines.map(MachineRow.init), columns: columns, layout: list.layout)
        }
    }

    struct Set: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set metadata of a machine.",
            discussion: """
                EXAMPLES:
                  cluster-manager metadata set 9f2c4e1a role=db zone=a
                """)

        @OptionGroup var machine: MachineArgument
        @Argument(help: ArgumentHelp("What to set.", valueName: "key=value")) var pairs: [String]
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            try await MetadataChange.run(machine.machine, try MetadataChange.set(pairs), in: context)
        }
    }

    struct Delete: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take metadata away from a machine, also what its own configuration gives it.",
            discussion: """
                EXAMPLES:
                  cluster-manager metadata delete 9f2c4e1a role zone
                """)

        @OptionGroup var machine: MachineArgument
        @Argument(help: ArgumentHelp("What to take away.", valueName: "key")) var keys: [String]
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            try await MetadataChange.run(machine.machine, try keys.map(MetadataChange.delete), in: context)
        }
    }
}

/// The machine that a command is about.
struct MachineArgument: ParsableArguments {
    /// What means a machine on the command line.
    static let words = "its name, its address, or at least four digits of its id"
    static let help = ArgumentHelp("The machine: \(words).", valueName: "machine")

    @Argument(
        help: MachineArgument.help,
        completion: .custom(UnitCompletion.machines))
    var machine: String
}
