// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient

/// `operation`: what takes longer than one request, and lives in the cluster.
struct OperationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operation",
        abstract: "List, follow, pause, resume or abort what takes longer than one request.",
        discussion: """
            'drain', 'move' and 'reboot' begin operations. An operation is the cluster's: it goes on when the command that began it \
            ends, and when the leader is lost. It comes to one of its ends, done, failed or aborted, or stands paused with a reason.

            EXAMPLES:
              cluster-manager operation list
              cluster-manager operation watch drain-3f9c1a2b
            """,
        subcommands: [List.self, Show.self, Watch.self, Pause.self, Resume.self, Abort.self],
        defaultSubcommand: List.self)

    struct Name: ParsableArguments {
        @Argument(help: ArgumentHelp("Name of the operation.", valueName: "operation"))
        var id: String
    }

    struct List: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the operations that go on.",
            discussion: """
                Columns: \(OperationRow.columns.map(\.field).joined(separator: ", ")).

                EXAMPLES:
                  cluster-manager operation list --all
                """)

        @Flag(name: .long, help: "List those that have ended, too; they are kept for 30 days.")
        var all = false
        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let columns = try OperationRow.columns(for: list.fieldNames)
            let client = try context.client()
            let operations = try await asked { () async throws(APIError) in try await client.operations(all: all) }
            let names = await MachineNames(context)
            try context.render(
                operations.map { OperationRow($0, names) },
                columns: columns, layout: list.layout)
        }
    }

    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how far an operation is, step by step.",
            discussion: """
                EXAMPLES:
                  cluster-manager operation show drain-3f9c1a2b --output json
                """)

        @OptionGroup var operation: Name
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let client = try context.client()
            let found = try await asked { () async throws(APIError) in try await client.operation(operation.id) }
            if context.format == .json { return context.console.output.write(try JSONOutput.text(found)) }
            let names = await MachineNames(context)
            try context.render(
                [OperationRow(found, names)], columns: try OperationRow.columns(for: nil),
                layout: TableLayout())
            guard !found.steps.isEmpty else { return }
            context.console.output.line("")
            try context.render(
                found.steps.map { OperationStepRow($0, names) },
                columns: try OperationStepRow.columns(for: nil), layout: TableLayout())
        }
    }

    struct Watch: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow an operation to its end.",
            discussion: """
                Ends with status 0 when it is done, 1 when it has failed or was aborted, 2 when it stands paused. Leaving changes \
                nothing.

                EXAMPLES:
                  cluster-manager operation watch drain-3f9c1a2b
                """)

        @OptionGroup var operation: Name
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let done = try await OperationFollower(in: context).follow(operation.id, isKnown: false)
            try context.tell("operation \(done.id) is done", done)
        }
    }

    struct Pause: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have an operation begin no further step; what is on its way comes to rest.",
            discussion: """
                EXAMPLES:
                  cluster-manager operation pause drain-3f9c1a2b
                """)

        @OptionGroup var operation: Name
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            try await order("pause", operation.id, "is paused; 'operation resume' lets it go on", in: context)
        }
    }

    struct Resume: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a paused operation go on.",
            discussion: """
                EXAMPLES:
                  cluster-manager operation resume drain-3f9c1a2b
                """)

        @OptionGroup var operation: Name
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            try await order("resume", operation.id, "goes on; 'operation watch' follows it", in: context)
        }
    }

    struct Abort: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "End an operation where it is.",
            discussion: """
                What has moved stays where it is. A machine that was drained stays cordoned: 'uncordon' opens it.

                EXAMPLES:
                  cluster-manager operation abort drain-3f9c1a2b
                """)

        @OptionGroup var operation: Name
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            try await order("abort", operation.id, "is aborted", in: context)
        }
    }
}

/// Gives an order to an operation, and says what is so then.
private func order(_ order: String, _ id: String, _ words: String, in context: CommandContext) async throws {
    let client = try context.client()
    let operation = try await Persistence.ask(until: .now + .seconds(2)) { () async throws(APIError) in
        try await client.order(id, order)
    }
    var words = "operation \(id) \(words)"
    if order == "abort", operation.kind == "drain", let machine = operation.machine {
        let label = await MachineNames(context).label(machine)
        words += "; \(label) stays cordoned: cluster-manager uncordon \(machine.prefix(8)) opens it"
    }
    try context.tell(words, operation)
}
