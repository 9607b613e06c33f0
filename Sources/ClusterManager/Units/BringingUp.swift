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
    ///   - isDown: Whether its machine says that it does not run as it should, though it is launched.
    /// - Returns: What to ask for and to wait for; the warning is for people.
    /// - Throws: `ClusterManagerError.unit` for a template that shall run, and for a replacement that would stop a unit
    ///   which the command does not start again.
    package func step(
        _ finding: UnitFinding, isDown: Bool = false
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
        var rise: Request?
        if registered.desired < target {
            rise = { try await $0.setTarget(target, of: name) }
        } else if target == .launched, isDown, !isGlobal {
            // It ended, failed, was stopped or refused on its machine: what counts is what is, not what was asked for.
            rise = { try await $0.restart(name) }
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

    private typealias Request = @Sendable (any FleetService) async throws -> Void

    private func step(
        _ name: UnitName, _ isGlobal: Bool, at desired: TargetState = .inactive, hash: String? = nil,
        request: Request? = nil
    ) -> UnitOperation.Step {
        switch target {
        case .inactive:
            return UnitOperation.Step(name, line: "Unit \(name) \(desired.rawValue)", hash: hash, request: request)
        case .loaded, .launched:
            // A global unit is on no machine of its own that could be waited for.
            let line = isGlobal ? "Triggered global unit \(name) \(verb)" : "Triggered unit \(name) \(verb)"
            let goal: WaitGoal.Kind? = isGlobal ? nil : target == .loaded ? .loaded : .running
            return UnitOperation.Step(name, line: line, goal: goal, hash: hash, request: request)
        }
    }

    /// Carries out the command for all arguments.
    package func run(_ arguments: [String], patience: UnitOperation.Patience, in context: CommandContext) async throws {
        let findings = try await UnitFinder(context.fleet, replaces: replaces).find(arguments, for: verb, to: target)
        let down = target == .launched ? try await Self.down(among: findings, in: context.fleet) : []
        // All are decided before the first is sent.
        let decisions = try findings.map { try step($0, isDown: down.contains($0.name)) }
        for decision in decisions { if let warning = decision.warning { context.warn(warning) } }
        try await UnitOperation(context: context, patience: patience).run(decisions.map(\.step))
    }

    /// Those units that are launched already, and that do not run or whose machine refuses what it was told last.
    ///
    /// Whoever starts such a unit wants it tried now: the machine's own next attempt may be a minute away, and its reason old.
    private static func down(
        among findings: [UnitFinding], in fleet: any FleetService
    ) async throws -> Set<UnitName> {
        let launched = findings.compactMap(\.registered).filter { $0.desired == .launched && $0.machine != nil }
        guard !launched.isEmpty else { return [] }
        let states = try await fleet.states(of: launched.count == 1 ? launched[0].name : nil)
        let units = Dictionary(launched.map { ($0.name, $0) }) { first, _ in first }
        let down = states.filter { state in
            guard let unit = units[state.name], unit.machine == state.machine else { return false }
            // A machine that has said nothing of the unit yet is about to start it.
            if state.isDown { return !state.active.isEmpty || state.health != nil }
            let isBehind = state.restarts < unit.restarts || !state.hash.isEmpty && state.hash != unit.hash
            return isBehind && state.active == "active" && state.health.map { !FleetUnitState.isOfRun($0) } ?? false
        }
        return Set(down.map(\.name))
    }
}
