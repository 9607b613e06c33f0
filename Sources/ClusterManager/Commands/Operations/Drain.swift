// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
import FleetCore

/// `cordon`: the machine takes no new units.
struct Cordon: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a machine keep its units and take no new ones.",
        discussion: """
            EXAMPLES:
              cluster-manager cordon 9f2c4e1a
            """)

    @OptionGroup var machine: MachineArgument
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let order = try await MachineOrder(machine.machine, in: context)
        try order.tell(try await order.give(.cordon), "is cordoned: it keeps its units and takes no new ones")
    }
}

/// `uncordon`: the machine takes units again.
struct Uncordon: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a machine take units again; what it handed over stays where it is.",
        discussion: """
            EXAMPLES:
              cluster-manager uncordon 9f2c4e1a
            """)

    @OptionGroup var machine: MachineArgument
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let order = try await MachineOrder(machine.machine, in: context)
        try order.tell(try await order.give(.uncordon), "takes units again")
    }
}

/// `drain`: the machine hands its units over.
struct Drain: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have a machine hand its units over to others, one by one.",
        discussion: """
            Each unit stops here before it starts elsewhere, and the next follows when it is up there. The drain is an \
            operation: it goes on without this command, and under another leader. A unit that no other machine takes, that \
            fails where it went, or that takes too long, pauses it with the reason, and this command ends with status 2. \
            Global units stay. The machine takes no new units until 'uncordon', which also ends the drain.

            EXAMPLES:
              cluster-manager drain 9f2c4e1a --dry-run
              cluster-manager drain 9f2c4e1a
              cluster-manager drain 9f2c4e1a --no-block
            """)

    @OptionGroup var machine: MachineArgument
    @Flag(name: .customLong("dry-run"), help: "Say which units would go where, and do nothing.")
    var dryRun = false
    @Flag(name: .customLong("no-block"), help: "Do not wait for the units to be gone, and up elsewhere.")
    var noBlock = false
    @OptionGroup var wait: MachineWait
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let order = try await MachineOrder(machine.machine, in: context)
        if dryRun {
            return try await OperationPlan.show(API.OperationRequest(kind: "drain", machine: order.id), in: context)
        }
        let operation = try await order.drain(wait)
        guard !noBlock else {
            return try context.tell(
                "\(order.label) hands its units over and takes no new ones until 'uncordon'; "
                    + OperationFollower.remedy(operation.id), operation)
        }
        let done = try await order.untilDrained(operation, wait)
        try context.tell("\(order.label) is drained and takes no new units until 'uncordon'", done)
    }
}

/// `move`: a unit goes to another machine.
struct Move: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring a unit to another machine.",
        discussion: """
            It stops where it is before it starts elsewhere. Without a machine the leader chooses the best other one. The unit \
            stays with that machine as long as it takes it; 'start' and 'scale' do not bring it back.

            EXAMPLES:
              cluster-manager move web.service
              cluster-manager move web.service worker-3
              cluster-manager move web.service worker-3 --dry-run
            """)

    @Argument(
        help: ArgumentHelp("Name of the unit.", valueName: "unit"), completion: .custom(UnitCompletion.names))
    var unit: String
    @Argument(help: MachineArgument.help, completion: .custom(UnitCompletion.machines))
    var machine: String?
    @Flag(name: .customLong("dry-run"), help: "Say where it would go, and do nothing.")
    var dryRun = false
    @Flag(name: .customLong("no-block"), help: "Do not wait until it is up there.")
    var noBlock = false
    @OptionGroup var wait: MachineWait
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let name = try await context.fleet.existingUnit(called: try UnitArgument(unit).name()).name
        let target: String? = if let machine { try await context.machine(machine, mayBeOff: false).id } else { nil }
        var request = API.OperationRequest(kind: "move", machine: target, unit: name.rawValue)
        if dryRun { return try await OperationPlan.show(request, in: context) }
        request.limit = wait.limit
        let follower = try OperationFollower(in: context, patience: wait.patience)
        let operation = try await follower.begin(request)
        guard !noBlock else {
            return try context.tell("\(name) is being moved; " + OperationFollower.remedy(operation.id), operation)
        }
        let done = try await follower.follow(operation.id, leaving: "\(name) goes on moving")
        let names = await MachineNames(context)
        let words =
            done.steps.last?.to.map { "\(name) is on \(names.label($0))" } ?? "\(name): \(done.reason ?? "done")"
        try context.tell(words, done)
    }
}

/// `reboot`: drains, restarts, returns.
struct Reboot: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drain a machine, restart it, and let it take units again.",
        discussion: """
            Run it on another machine: what restarts takes this command with it, and stays drained until 'uncordon'. A machine \
            that was cordoned before stays so.

            EXAMPLES:
              cluster-manager reboot 9f2c4e1a
              cluster-manager reboot 9f2c4e1a --timeout 30m
            """)

    @OptionGroup var machine: MachineArgument
    @OptionGroup var wait: MachineWait
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let patience = wait.patience
        let order = try await MachineOrder(machine.machine, mayBeOff: false, in: context)
        let before = try await order.control()
        let operation = try await order.drain(wait)
        do {
            try await order.untilDrained(operation, wait)
            order.leaveWord("\(order.label) may be restarting, and takes no new units")
            try await order.reboot(within: patience)
            // What an operator had decided before holds after, too.
            guard !before.cordoned else {
                return try order.tell(
                    before, "is back; it was cordoned before, so it takes no new units until 'uncordon'")
            }
            try order.tell(try await order.open(within: patience), "is back and takes units again")
        } catch let error as ClusterManagerError {
            guard !before.cordoned else { throw error }
            throw ClusterManagerError(
                error.code, "\(error.message); it takes no new units: \(order.remedy)", isTransient: error.isTransient)
        }
    }
}
