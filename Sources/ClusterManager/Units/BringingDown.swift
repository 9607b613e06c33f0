// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What stop, unload, destroy and restart do: they are about units that the cluster knows.
package struct BringingDown: Sendable {
    package enum Verb: String, Sendable {
        case stop
        case unload
        case destroy
        case restart
    }

    package let verb: Verb

    package init(_ verb: Verb) { self.verb = verb }

    /// The step for one unit.
    ///
    /// - Throws: `ClusterManagerError.unit` when the unit's state does not allow it.
    package func step(_ unit: FleetUnit) throws -> UnitOperation.Step {
        let name = unit.name
        let line =
            unit.isGlobal ? "Triggered global unit \(name) \(verb.rawValue)" : "Triggered unit \(name) \(verb.rawValue)"
        func goal(_ kind: WaitGoal.Kind) -> WaitGoal.Kind? { unit.isGlobal ? nil : kind }
        switch verb {
        case .stop:
            guard unit.desired > .inactive else {
                throw ClusterManagerError(.unit, "cannot stop \(name): it is inactive, on no machine")
            }
            guard unit.desired == .launched else { return UnitOperation.Step(name, line: line, goal: goal(.stopped)) }
            return UnitOperation.Step(name, line: line, goal: goal(.stopped), verb: verb.rawValue) {
                try await $0.setTarget(.loaded, of: name)
            }
        case .unload:
            guard unit.desired > .inactive else { return UnitOperation.Step(name, line: line, goal: goal(.unloaded)) }
            return UnitOperation.Step(name, line: line, goal: goal(.unloaded), verb: verb.rawValue) {
                try await $0.setTarget(.inactive, of: name)
            }
        case .destroy:
            return UnitOperation.Step(name, line: "Destroyed \(name)", goal: .gone, verb: verb.rawValue) {
                _ = try await $0.destroy(name)
            }
        case .restart:
            guard unit.desired == .launched else {
                throw ClusterManagerError(
                    .unit, "cannot restart \(name): it is \(unit.desired.rawValue), not launched; use 'start'")
            }
            return UnitOperation.Step(name, line: line, goal: goal(.restarted), verb: verb.rawValue) {
                try await $0.restart(name)
            }
        }
    }

    /// Carries out the command for all arguments.
    package func run(_ arguments: [String], patience: UnitOperation.Patience, in context: CommandContext) async throws {
        try await run(try await units(arguments, in: context), patience: patience, in: context)
    }

    /// Carries out the command for units that `units(_:in:)` has found.
    package func run(_ units: [FleetUnit], patience: UnitOperation.Patience, in context: CommandContext) async throws {
        if verb == .restart { try await checkTriggers(units, in: context) }
        let stages = try stages(units, patience)
        let past: [Verb: String] = [
            .stop: "stopped", .unload: "unloaded", .destroy: "destroyed", .restart: "restarted",
        ]
        let summary = patience == .none ? nil : past[verb]
        try await UnitOperation(context: context, patience: patience).run(stages, summary: summary)
    }

    /// Refuses to restart a socket alone whose service runs: systemd stops it, and does not start it again (systemd 252, socket_start).
    private func checkTriggers(_ units: [FleetUnit], in context: CommandContext) async throws {
        let named = Set(units.map(\.name))
        for unit in units where unit.desired == .launched {
            guard let other = UnitTrigger(unit.name, unit.file).obstacle, !named.contains(other) else { continue }
            // Who is not told how the other one does leaves it to systemd.
            let states = (try? await context.fleet.states(of: other)) ?? []
            guard states.contains(where: { !$0.isDown && (unit.isGlobal || $0.machine == unit.machine) }) else {
                continue
            }
            throw ClusterManagerError(
                .unit,
                "cannot restart \(unit.name) alone: systemd starts it only as long as \(other) is down, which runs; "
                    + "'cluster-manager restart \(unit.name) \(other)' restarts both")
        }
    }

    /// What the command does, of which one part comes after another where one unit triggers another one.
    package func stages(_ units: [FleetUnit], _ patience: UnitOperation.Patience) throws -> [UnitOperation.Stage] {
        var parts = try units.map { unit in
            StartOrder.Part(unit.name, unit.file, on: unit.isGlobal ? nil : unit.machine, try step(unit))
        }
        switch verb {
        // Of these the machine itself takes away first what starts them.
        case .unload, .destroy: break
        case .stop where patience != .none: return StartOrder.stages(stopping: parts)
        case .restart:
            for index in parts.indices {
                let name = parts[index].name
                let start: UnitOperation.Request = { fleet in
                    // The unit is stopped by now: a question that fails must not keep it so.
                    let runs = (try? await fleet.states(of: name))?.contains { !$0.isDown } ?? false
                    try await fleet.setTarget(.launched, of: name)
                    // What could not be stopped is told by the restart.
                    if runs { try await fleet.restart(name) }
                }
                parts[index].restarts(by: { try await $0.setTarget(.loaded, of: name) }, start)
            }
            let stages = StartOrder.stages(starting: parts)
            guard patience == .none else { return stages }
            // Who does not stay cannot ask for the second half, and asked for at once the trigger would be refused for good.
            guard stages.count == 1 else {
                let names = stages[0].steps.map(\.unit.rawValue).few(3)
                throw ClusterManagerError(
                    .usage,
                    "\(names): a unit and what triggers it are stopped before they are started, which has to be waited for; "
                        + "leave out --no-block")
            }
        case .stop: break
        }
        return [UnitOperation.Stage(parts.map(\.step))]
    }

    /// Why a pattern passes the unit over; `nil` for one that the verb can act on.
    private func obstacle(_ unit: FleetUnit) -> String? {
        switch verb {
        case .destroy: nil
        case .stop, .unload, .restart:
            if unit.name.isTemplate {
                "is a template"
            } else if verb == .restart {
                unit.desired == .launched ? nil : "is \(unit.desired.rawValue), not launched"
            } else {
                unit.desired > .inactive ? nil : "is inactive, on no machine"
            }
        }
    }

    /// The units that the arguments mean, each once.
    ///
    /// As with fleet, names that the cluster does not know are noted and passed over, except by restart.
    ///
    /// - Parameters:
    ///   - arguments: Names and patterns, as the user wrote them.
    ///   - context: Where the cluster is asked and notes go.
    /// - Returns: The units in the order of the arguments, those of a pattern in the order of their names.
    /// - Throws: `ClusterManagerError` for a pattern that the command can act on nowhere, and for an unknown name by restart.
    package func units(_ arguments: [String], in context: CommandContext) async throws -> [FleetUnit] {
        let arguments = arguments.map(UnitArgument.init)
        let names = try arguments.filter { !$0.isPattern }.map { try $0.name() }
        let fleet = context.fleet
        let answers = await Concurrently.map(names) { try await fleet.unit(called: $0) }
        let found = Dictionary(zip(names, try answers.map { try $0.get() })) { first, _ in first }
        let all = arguments.contains(where: \.isPattern) ? try await fleet.units() : []
        var units: [FleetUnit] = []
        var seen: Set<UnitName> = []
        var missing: Set<UnitName> = []
        for argument in arguments {
            if argument.isPattern {
                let known = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
                let wanted = Set(
                    try argument.matches(all.map(\.name), for: verb.rawValue) { name in known[name].flatMap(obstacle) })
                units += all.filter { wanted.contains($0.name) && seen.insert($0.name).inserted }
            } else if let name = try? argument.name() {
                if let unit = found[name], let unit {
                    if seen.insert(unit.name).inserted { units.append(unit) }
                } else if verb == .restart {
                    throw ClusterManagerError(.unit, "cannot restart \(name): there is no such unit")
                } else if missing.insert(name).inserted {
                    context.warn("unit \(name) does not exist, so there is nothing to \(verb.rawValue)")
                }
            }
        }
        return units
    }
}
