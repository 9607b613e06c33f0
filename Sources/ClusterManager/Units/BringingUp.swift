// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What submit, load and start do to one unit: a pure decision from what the cluster and the disk have of it.
package struct BringingUp: Sendable {
    /// The target state to bring the unit to at least.
    package let target: TargetState
    /// Whether a unit whose file differs gets the new one.
    package let replaces: Bool

    package init(to target: TargetState, replaces: Bool) {
        self.target = target
        self.replaces = replaces
    }

    private var verb: String {
        switch target {
        case .inactive: "submit"
        case .loaded: "load"
        case .launched: "start"
        }
    }

    /// The step for one unit, and a warning if there is one.
    ///
    /// - Parameters:
    ///   - finding: The unit in the cluster and on disk.
    ///   - standing: How it does, if it is launched already.
    /// - Returns: What to ask for and to wait for; the warning is for people.
    /// - Throws: `ClusterManagerError.unit` for a template that shall run, and for a replacement that would stop a unit
    ///   which the command does not start again.
    package func step(
        _ finding: UnitFinding, _ standing: Standing? = nil
    ) throws -> (step: UnitOperation.Step, warning: String?) {
        let name = finding.name
        if name.isTemplate && target > .inactive {
            throw ClusterManagerError(
                .unit,
                "cannot \(verb) \(name): it is a template; \(verb) an instance of it, such as "
                    + name.rawValue.replacing("@", with: "@1", maxReplacements: 1))
        }
        let file = finding.source?.file ?? finding.registered?.file
        let isGlobal = file.map { SchedulingOptions(of: $0, for: name).isGlobal } ?? false
        let target = self.target
        guard let registered = finding.registered else {
            guard let source = finding.source else {
                throw ClusterManagerError(.unit, "unit \(name) is neither in the cluster nor in a file here")
            }
            return (
                step(name, isGlobal) { try await $0.create(name, file: source, target: target) }, nil
            )
        }
        var rise: UnitOperation.Request?
        if registered.desired < target {
            rise = { try await $0.setTarget(target, of: name) }
        } else if target == .launched, let standing {
            rise = Self.rise(of: registered, standing)
        }
        if let source = finding.source, source.hash != registered.hash {
            guard replaces else {
                let warning =
                    "unit \(name) in the cluster differs from the file here, and stays as it is;"
                    + " --replace would take the file"
                return (step(name, isGlobal, at: registered.desired, request: rise), warning)
            }
            guard registered.desired <= target else {
                throw ClusterManagerError(
                    .unit,
                    "cannot replace \(name) by '\(verb)': it is \(registered.desired.rawValue), and the command"
                        + " would stop it; use 'start --replace', or unload it first")
            }
            return (
                step(name, isGlobal, hash: source.hash) { try await $0.replace(name, file: source, target: target) },
                nil
            )
        }
        if registered.desired > target, target > .inactive {
            let line = "Unit \(name) is \(registered.desired.rawValue) and stays so; 'stop' leaves it loaded"
            return (UnitOperation.Step(name, line: line), nil)
        }
        return (step(name, isGlobal, at: registered.desired, request: rise), nil)
    }

    /// What starts a unit again that is launched already; `nil` when it runs.
    private static func rise(of unit: FleetUnit, _ standing: Standing) -> UnitOperation.Request? {
        let name = unit.name
        switch standing {
        case .up: return nil
        case .down: return { try await $0.restart(name) }
        case .partlyDown(let machines, let all):
            // A restart is of all its machines, and a start ends nothing that runs.
            let others = UnitTrigger(name, unit.file).obstacle.map { " \($0)" } ?? ""
            let error = ClusterManagerError(
                .unit,
                "cannot start \(name): it is down on \(machines) of \(all) machines and runs on others, which would"
                    + " be restarted, too; 'cluster-manager restart \(name)\(others)' does that")
            return { _ in throw error }
        }
    }

    private func step(
        _ name: UnitName, _ isGlobal: Bool, at desired: TargetState = .inactive, hash: String? = nil,
        request: UnitOperation.Request? = nil
    ) -> UnitOperation.Step {
        switch target {
        case .inactive:
            return UnitOperation.Step(
                name, line: "Unit \(name) \(desired.rawValue)", hash: hash, verb: verb, request: request)
        case .loaded, .launched:
            // A global unit is on no machine of its own that could be waited for.
            let line = isGlobal ? "Triggered global unit \(name) \(verb)" : "Triggered unit \(name) \(verb)"
            let goal: WaitGoal.Kind? = isGlobal ? nil : target == .loaded ? .loaded : .running
            return UnitOperation.Step(name, line: line, goal: goal, hash: hash, verb: verb, request: request)
        }
    }

    /// Which known units a replacement has no file for, and what it needs; `nil` when it has one for each.
    private func unreplaced(_ findings: [UnitFinding]) -> String? {
        let names = findings.filter { replaces && $0.registered != nil && $0.source == nil }.map(\.name)
        guard let first = names.first else { return nil }
        let subject =
            names.count == 1
            ? "unit \(first) keeps its file" : "units \(names.map(\.rawValue).few(3)) keep their files"
        let template = names.contains { $0.isInstance } ? ", or of an instance its template in the cluster" : ""
        return "\(subject): --replace needs the path of a unit file here\(template)"
    }

    /// Carries out the command for all arguments.
    package func run(_ arguments: [String], patience: UnitOperation.Patience, in context: CommandContext) async throws {
        let finder = UnitFinder(context.fleet, replaces: replaces)
        let findings = try await finder.find(arguments, for: verb, to: target)
        let standings = try await self.standings(of: findings, in: context)
        // All are decided before the first is sent.
        let decisions = try findings.map { try step($0, standings[$0.name]) }
        for decision in decisions { if let warning = decision.warning { context.warn(warning) } }
        if let words = unreplaced(findings) { context.warn(words) }
        let operation = UnitOperation(context: context, patience: patience)
        guard target == .launched, patience != .none else { return try await operation.run(decisions.map(\.step)) }
        let parts = try zip(findings, decisions).map { try part($0, $1.step, standings[$0.name]) }
        try await operation.run(StartOrder.stages(starting: parts))
    }

    /// What a start does to one unit that another one of the command triggers, or that triggers another one.
    package func part(
        _ finding: UnitFinding, _ step: UnitOperation.Step, _ standing: Standing?
    ) throws -> StartOrder.Part {
        let (name, registered) = (finding.name, finding.registered)
        let source = replaces || registered == nil ? finding.source : nil
        var part = StartOrder.Part(
            name, source?.file ?? registered?.file, on: registered.flatMap { $0.isGlobal ? nil : $0.machine }, step)
        // What runs, and keeps its file, is left alone.
        guard target == .launched, step.request != nil else { return part }
        if (registered?.desired ?? .inactive) < .launched {
            part.starts(after: try BringingUp(to: .loaded, replaces: replaces).step(finding).step)
        } else if step.hash != nil, let source {
            part.restarts(by: { try await $0.replace(name, file: source, target: .loaded) })
        } else if standing == .down {
            part.starts()
        }
        return part
    }

    private func standings(of findings: [UnitFinding], in context: CommandContext) async throws -> [UnitName: Standing]
    {
        guard target == .launched else { return [:] }
        return try await Standing.of(findings.compactMap(\.registered), in: context.fleet)
    }
}
