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
            Each unit stops here before it starts elsewhere, and the next follows when it has settled; the command ends when the \
            last one has. A unit that no other machine can take stays, and is named at the end, with status 2; global units stay, \
            too. The machine takes no new units until 'uncordon'.

            EXAMPLES:
              cluster-manager drain 9f2c4e1a
              cluster-manager drain 9f2c4e1a --no-block
            """)

    @OptionGroup var machine: MachineArgument
    @Flag(name: .customLong("no-block"), help: "Do not wait for the units to be gone, and up elsewhere.")
    var noBlock = false
    @OptionGroup var wait: MachineWait
    @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let order = try await MachineOrder(machine.machine, in: context)
        let control = try await order.drain()
        guard !noBlock else {
            return try order.tell(control, "hands its units over and takes no new ones until 'uncordon'")
        }
        try order.tell(
            try await order.untilDrained(control, within: wait.patience),
            "is drained and takes no new units until 'uncordon'")
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
        let given = try await order.drain()
        do {
            try await order.untilDrained(given, within: patience)
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
