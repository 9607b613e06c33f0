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
    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await MachineOrder(machine.machine, in: context).give("cordon")
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
    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        try await MachineOrder(machine.machine, in: context).give("uncordon")
    }
}

/// `drain`: the machine hands its units over.
struct Drain: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have a machine hand its units over to others, one by one.",
        discussion: """
            Each unit stops here before it starts elsewhere, and the next follows when it has settled. A unit that no other \
            machine can take stays, and is named at the end, with status 2; global units stay, too. The machine takes no new \
            units until 'uncordon'.

            EXAMPLES:
              cluster-manager drain 9f2c4e1a
              cluster-manager drain 9f2c4e1a --no-block
            """)

    @OptionGroup var machine: MachineArgument
    @Flag(name: .customLong("no-block"), help: "Do not wait for the units to be gone.") var noBlock = false
    @Option(help: ArgumentHelp("How long to wait; 10m unless said otherwise.", valueName: "time")) var timeout = "10m"
    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let patience = Duration.seconds(try Period.seconds(timeout))
        let order = try await MachineOrder(machine.machine, in: context)
        try await order.give("drain")
        guard !noBlock else { return }
        try await order.untilDrained(within: patience)
    }
}

/// `reboot`: drains, restarts, returns.
struct Reboot: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drain a machine, restart it, and let it take units again.",
        discussion: """
            Run it on another machine: what restarts takes this command with it, and stays drained until 'uncordon'.

            EXAMPLES:
              cluster-manager reboot 9f2c4e1a
              cluster-manager reboot 9f2c4e1a --timeout 30m
            """)

    @OptionGroup var machine: MachineArgument
    @Option(help: ArgumentHelp("How long each step may take; 10m unless said otherwise.", valueName: "time"))
    var timeout = "10m"
    @OptionGroup var global: GlobalOptions

    func run(in context: CommandContext) async throws {
        let patience = Duration.seconds(try Period.seconds(timeout))
        let order = try await MachineOrder(machine.machine, in: context)
        try await order.give("drain")
        try await order.untilDrained(within: patience)
        try await order.reboot(within: patience)
        try await order.give("uncordon")
        context.console.errors.line("\(order.short) is back")
    }
}

/// What is asked of one machine, step by step.
struct MachineOrder {
    let id: String
    let context: CommandContext
    let client: FleetClient

    var short: String { FleetView.short(id) }

    /// Finds the machine among those that are alive; one that is off is meant by its whole id.
    init(_ text: String, in context: CommandContext) async throws {
        self.context = context
        client = try context.client()
        if MachineID(text) != nil {
            id = text
        } else {
            id = try RemoteTarget.machine(text, among: try await context.fleet.machines()).id
        }
    }

    func give(_ change: String) async throws {
        let control = try await asked { () async throws(APIError) in try await client.control(id, change) }
        if context.format == .json { context.console.output.write(try JSONOutput.text(control)) }
    }

    /// Waits until nothing is left that can go elsewhere.
    func untilDrained(within patience: Duration) async throws {
        var progress = ProgressLine(context.console.errors)
        defer { progress.clear() }
        let deadline = ContinuousClock.now + patience
        var last: [String] = []
        var since = ContinuousClock.now
        while true {
            let control = try await asked { () async throws(APIError) in try await client.control(of: id) }
            guard control.draining else {
                throw ClusterManagerError(
                    .refused, "\(short) is not being drained any more: somebody else has said uncordon")
            }
            let left = control.units
            if left.isEmpty { return }
            if left != last {
                last = left
                since = .now
            }
            // A unit that fits nowhere else is told of by explain; one that is under way changes soon.
            if ContinuousClock.now - since > .seconds(3), let stuck = Self.reasons(left, control) {
                throw ClusterManagerError(.partial, "\(short) keeps units that fit nowhere else: \(stuck)")
            }
            guard ContinuousClock.now < deadline else {
                throw ClusterManagerError(
                    .timedOut, "\(short) still has \(left.joined(separator: ", ")); it goes on handing them over")
            }
            progress.show("\(short): \(left.count) units left")
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// Why these units stay; `nil` while one of them may still go.
    private static func reasons(_ names: [String], _ control: API.Control) -> String? {
        var words: [String] = []
        for name in names {
            guard let reason = control.held?[name] else { return nil }
            words.append("\(name) (\(reason))")
        }
        return words.joined(separator: ", ")
    }

    /// Restarts the machine and waits until it is back.
    func reboot(within patience: Duration) async throws {
        try await asked { () async throws(APIError) in try await client.reboot(id) }
        var progress = ProgressLine(context.console.errors)
        defer { progress.clear() }
        let deadline = ContinuousClock.now + patience
        var isGone = false
        while true {
            do {
                let isThere = try await context.fleet.machines().contains { $0.id == id }
                if !isThere { isGone = true }
                if isGone, isThere { return }
            } catch let error as ClusterManagerError {
                // Whoever is asked may be the machine itself: nobody else would tell us that it was gone. If it was another that
                // did not answer, we uncordon too early, and what comes to the machine then leaves as it goes down.
                if error.code == .unreachable { isGone = true }
            }
            guard ContinuousClock.now < deadline else {
                throw ClusterManagerError(
                    .timedOut, "\(short) \(isGone ? "has not come back" : "has not gone down"); it stays cordoned")
            }
            progress.show(isGone ? "\(short) restarts" : "\(short) goes down")
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
