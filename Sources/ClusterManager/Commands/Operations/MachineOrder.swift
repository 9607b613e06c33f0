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

    /// What an operator can want of a machine.
    enum Change: String {
        case cordon
        case drain
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
        case .drain: "whether \(label) hands its units over is not known; \(remedy)"
        case .uncordon:
            "whether \(label) takes units again is not known; \(look); cluster-manager cordon \(id.prefix(8)) undoes it"
        }
    }

    /// Orders `drain`, and keeps ready what to tell who leaves before its end.
    func drain() async throws -> API.Control {
        let control = try await give(.drain)
        leaveWord("\(label) goes on handing its units over and takes no new ones")
        return control
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

    /// Waits until nothing is left that can go elsewhere, and what went has settled where it went.
    ///
    /// - Parameters:
    ///   - order: The answer to the order to drain, with the units that were there then.
    ///   - patience: When to give up; the machine goes on.
    /// - Returns: The last answer.
    /// - Throws: `ClusterManagerError`: `refused` when the machine is not drained any more, `partial` when units fit nowhere else,
    ///   `timedOut`.
    @discardableResult
    func untilDrained(_ order: API.Control, within patience: Duration) async throws -> API.Control {
        var line = WaitLine(context.console.errors)
        defer { line.clear() }
        let deadline = ContinuousClock.now + patience
        var last: [String] = []
        var since = ContinuousClock.now
        var moving = Set(order.units)
        while true {
            let control = try await control(until: deadline)
            guard control.draining else {
                throw ClusterManagerError(
                    .refused, "\(label) is not being drained any more: somebody else has said uncordon")
            }
            let left = control.units
            // What has gone is waited for also while others stay.
            let away = await unsettled(moving.subtracting(left))
            moving = away.union(left)
            if moving.isEmpty { return control }
            // The next unit goes when the one before has settled, so what stays is known only some time after that.
            if left != last || !away.isEmpty {
                last = left
                since = .now
            }
            let stuck = Self.reasons(left, control)
            // A unit that fits nowhere else is told of by explain; one that is under way changes soon.
            if ContinuousClock.now - since > .seconds(3), let stuck {
                throw ClusterManagerError(.partial, "\(label) keeps units that fit nowhere else: \(stuck)")
            }
            let isUnderWay = !away.isEmpty && (left.isEmpty || stuck != nil)
            let words = isUnderWay ? underWay(away) : "\(label) still has \(left.few(3))"
            line.show(words)
            guard ContinuousClock.now < deadline else {
                throw ClusterManagerError(.timedOut, "\(words); the cluster goes on working at it")
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func underWay(_ names: Set<String>) -> String {
        let (verb, subject) = names.count == 1 ? ("is", "it") : ("are", "they")
        return "\(names.sorted().few(3)) of \(label) \(verb) not up yet where \(subject) went"
    }

    /// Those of these units that have not come to rest on another machine; what cannot be asked now may not have.
    private func unsettled(_ names: Set<String>) async -> Set<String> {
        let fleet = context.fleet
        let names = names.sorted()
        let answers = await Concurrently.map(names) { name in
            try await Self.isSettled(UnitName(unchecked: name), in: fleet)
        }
        return Set(zip(names, answers).filter { (try? $1.get()) != true }.map(\.0))
    }

    private static func isSettled(_ name: UnitName, in fleet: any FleetService) async throws -> Bool {
        guard let unit = try await fleet.unit(name), unit.desired > .inactive else { return true }
        // A rule of placement refuses it everywhere: that is an end, too.
        guard let home = unit.machine else { return unit.reason != nil }
        guard let state = try await fleet.states(of: name).first(where: { $0.machine == home }),
            let acted = state.acted ?? unit.current
        else { return false }
        return UnitState.isSettled(
            for: unit.desired, acted: acted, active: state.active, sub: state.sub, health: state.health)
    }

    /// Why these units stay; `nil` while one of them may still go.
    private static func reasons(_ names: [String], _ control: API.Control) -> String? {
        var words: [String] = []
        guard !names.isEmpty else { return nil }
        for name in names {
            guard let reason = control.held?[name] else { return nil }
            words.append("\(name) (\(reason))")
        }
        return words.joined(separator: ", ")
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
