// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore

/// What is asked of one machine, step by step.
struct MachineOrder {
    let id: String
    /// How answers name it: `worker-2 (19feb34b)`.
    let label: String
    let context: CommandContext
    let client: FleetClient

    /// How often a wait looks.
    private static let pause: Duration = .milliseconds(300)
    /// How long a question is asked again that has to be answered before anything is begun.
    private static let firstPatience: Duration = .seconds(2)

    /// The command with which a machine that was left closed is opened again.
    var remedy: String { "cluster-manager uncordon \(id.prefix(8)) opens it" }

    /// Finds the machine.
    ///
    /// - Parameters:
    ///   - text: As `MachineChoice` takes it.
    ///   - mayBeOff: Whether one that is off will do.
    ///   - context: Where the cluster is asked.
    /// - Throws: `ClusterManagerError.unit` when no machine is meant, or several.
    init(_ text: String, mayBeOff: Bool = true, in context: CommandContext) async throws {
        self.context = context
        client = try context.client()
        let machine = try await context.machine(text, mayBeOff: mayBeOff)
        (id, label) = (machine.id, machine.label)
    }

    /// Says what was done.
    func tell(_ control: API.Control, _ words: String) throws { try context.tell("\(label) \(words)", control) }

    /// What an operator can want of a machine at once; a drain is an operation.
    enum Change: String {
        case cordon
        case uncordon
    }

    /// Gives an order, and keeps ready what to tell who leaves before its answer.
    @discardableResult
    func give(_ change: Change) async throws -> API.Control {
        // The order may have been carried out though its answer is not there.
        Interrupt.says(doubt(change), on: context.console.errors)
        let verb = change.rawValue
        let control = try await asked { () async throws(APIError) in try await client.control(id, verb) }
        Interrupt.says(nil, on: context.console.errors)
        return control
    }

    private func doubt(_ change: Change) -> String {
        let look = "cluster-manager list-machines shows it"
        return switch change {
        case .cordon: "whether \(label) is cordoned is not known; \(look); \(remedy)"
        case .uncordon:
            "whether \(label) takes units again is not known; \(look); cluster-manager cordon \(id.prefix(8)) undoes it"
        }
    }

    /// Begins the operation that drains the machine.
    func drain(_ wait: MachineWait) async throws -> API.Operation {
        try await OperationFollower(in: context, patience: wait.patience).drain(id, limit: wait.limit)
    }

    /// Tells who leaves from now on how the machine is left, and how it is opened.
    func leaveWord(_ words: String) { Interrupt.says("\(words); \(remedy)", on: context.console.errors) }

    /// Opens the machine again, however often that has to be said.
    func open(within patience: Duration) async throws -> API.Control {
        try await Persistence.ask(until: .now + patience) { () async throws(APIError) in
            try await client.control(id, "uncordon")
        }
    }

    /// What is wanted of the machine now.
    func control() async throws -> API.Control { try await control(until: .now + Self.firstPatience) }

    private func control(until deadline: ContinuousClock.Instant) async throws -> API.Control {
        try await Persistence.ask(until: deadline) { () async throws(APIError) in try await client.control(of: id) }
    }

    /// Waits until the machine has handed over all that can go elsewhere.
    ///
    /// - Returns: The operation, done.
    /// - Throws: `ClusterManagerError`: `refused` when the machine is not drained any more, `partial` when the drain is paused.
    @discardableResult
    func untilDrained(_ operation: API.Operation, _ wait: MachineWait) async throws -> API.Operation {
        do {
            return try await OperationFollower(in: context, patience: wait.patience).follow(
                operation.id, leaving: "\(label) goes on handing its units over and takes no new ones; \(remedy)")
        } catch let error as ClusterManagerError {
            throw ClusterManagerError(
                error.code, "\(label) is not drained: \(error.message)", isTransient: error.isTransient)
        }
    }

    /// Restarts the machine and waits until it is back.
    func reboot(within patience: Duration) async throws {
        var unanswered: ClusterManagerError?
        do {
            try await client.reboot(id)
        } catch {
            // Who acts by ending may end before the answer is out: whether it happened is what we look for then.
            guard error.code == .connectionLost || error.code == .timedOut else { throw ClusterManagerError(error) }
            unanswered = ClusterManagerError(error)
        }
        var line = WaitLine(context.console.errors)
        defer { line.clear() }
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
                let order = unanswered.map { " (the order had no answer: \($0.message))" } ?? ""
                throw ClusterManagerError(
                    .timedOut,
                    "\(label) \(isGone ? "has not come back" : "has not gone down")\(order); it stays cordoned")
            }
            line.show(isGone ? "\(label) restarts" : "\(label) goes down")
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
