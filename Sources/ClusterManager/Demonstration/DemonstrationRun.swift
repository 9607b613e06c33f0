// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// Carries out the demonstrator's three commands: start (which also scales), stop and status.
package struct DemonstrationRun: Sendable {
    private let context: CommandContext

    package init(_ context: CommandContext) { self.context = context }

    /// How long `--stop` waits for units to be gone unless told otherwise: systemd gives a unit 90 s to stop.
    package static let stopPatience: Duration = .seconds(120)

    /// Most agents of a kind that can be asked for.
    package static let mostAgents = 10_000

    /// Brings the demonstrator to the given number of agents.
    ///
    /// The requests go out one after another, in the plan's order: what has the most conflicts is placed first.
    ///
    /// - Parameters:
    ///   - counts: How many agents of each kind there shall be.
    ///   - files: What new units are made from.
    ///   - patience: `none` returns once everything is asked for, as the seed's program does.
    /// - Throws: `ClusterManagerError`.
    package func start(
        _ counts: [AgentKind: Int], files: DemonstrationFiles, patience: UnitOperation.Patience
    ) async throws {
        let fleet = context.fleet
        async let knownUnits = fleet.units()
        async let knownMachines = fleet.machines()
        let (units, machines) = try await (knownUnits, knownMachines)
        let own = units.filter { unit in
            unit.name == DemonstrationPlan.provisioning || AgentKind.allCases.contains { $0.owns(unit.name) }
        }
        let standings = try await Standing.of(own, in: fleet)
        let plan = DemonstrationPlan.starting(counts, files: files, units: units, standings: standings)
        tell(
            "Inaetics Environment starting with \(counts[.celix] ?? 0) Celix agents and \(counts[.felix] ?? 0) Felix agents"
        )
        for unit in plan.outdated {
            context.warn(
                "\(unit) in the cluster differs from the file in the folder, and stays in force;"
                    + " to use the folder's, run --stop and then --start")
        }
        for kind in AgentKind.allCases {
            let limit = AgentLimit(kind, files: files, machines: machines.count)
            if let warning = limit.warning(for: counts[kind] ?? 0) {
                context.warn("\(warning); they are placed when machines join")
            }
        }
        let waiter = try await waiter(patience, units: plan.runningUnits(counts))
        var results = try await carryOut(plan)
        var error: ClusterManagerError?
        if let waiter, case .wait(let timeout) = patience {
            let goals = plan.runningUnits(counts).map { unit in
                WaitGoal(unit, .running, before: plan.touches(unit) ? waiter.before.state(of: unit) : nil)
            }
            let asked = goals.filter { plan.touches($0.unit) }
            var ended: Set<UnitName> = []
            leaveWord(asked, without: ended)
            let result = await waiter.wait(for: goals, timeout: timeout) { line in
                tell(line.text)
                ended.insert(line.unit)
                leaveWord(asked, without: ended)
            }
            results += result.lines.map(OperationResult.init)
            error = result.error
        }
        try finish(results, error)
    }

    /// Removes the demonstrator, and by default stays until nothing of it runs any more.
    ///
    /// - Throws: `ClusterManagerError`; that nothing was ever started is no error.
    package func stop(patience: UnitOperation.Patience) async throws {
        let plan = DemonstrationPlan.stopping(try await context.fleet.units())
        if plan.actions.isEmpty {
            context.warn("no unit of the demonstrator is in the cluster, so there is nothing to stop")
        }
        let gone = plan.actions.compactMap { action in
            if case .destroy(let name) = action { name } else { nil }
        }
        let waiter = try await waiter(patience, units: gone)
        var results = try await carryOut(plan)
        guard let waiter, case .wait(let timeout) = patience else { return try finish(results, nil) }
        let goals = gone.map { WaitGoal($0, .gone) }
        var ended: Set<UnitName> = []
        leaveWord(goals, without: ended)
        // The line has been printed when the cluster accepted the request, so reaching the goal says nothing more.
        let result = await waiter.wait(for: goals, timeout: timeout) { line in
            ended.insert(line.unit)
            leaveWord(goals, without: ended)
        }
        results += result.lines.filter { $0.kind != .reached }.map(OperationResult.init)
        try finish(results, result.error)
    }

    /// Prints machines, unit files, units, and what waits for a machine and why.
    package func status() async throws {
        var view = try await FleetView.read(from: context.fleet)
        try await view.readReasons(from: context.fleet)
        let report = StatusReport(view)
        switch context.format {
        case .json: context.console.output.write(try JSONOutput.text(report))
        case .table: context.console.output.write(try report.text(hasColours: context.console.output.hasColours))
        }
        context.warnOfTrouble(view.sortedMachines)
        await context.warnOfBrake()
        await context.warnOfOpenStore()
    }

    private func waiter(_ patience: UnitOperation.Patience, units: [UnitName]) async throws -> Waiter? {
        guard patience != .none, !units.isEmpty else { return nil }
        return try await Waiter(context.fleet, units: units, console: context.console)
    }

    /// Sends the plan's requests in order and prints a line for each.
    ///
    /// - Throws: `ClusterManagerError` at the first request that fails: `partial` when others went before it. A second run
    ///   takes up where this one ended.
    private func carryOut(_ plan: DemonstrationPlan) async throws -> [OperationResult] {
        var results: [OperationResult] = []
        for action in plan.actions {
            do {
                try await send(action)
            } catch {
                let error = ClusterManagerError(wrapping: error)
                guard !results.isEmpty, error.code != .unreachable else { throw error }
                let were = results.count == 1 ? "was" : "were"
                throw ClusterManagerError(
                    .partial,
                    "\(error.message); \(results.count) of \(plan.actions.count) requests \(were) carried out,"
                        + " and running the command again takes up the rest")
            }
            if let line = action.line { tell(line) }
            results.append(OperationResult(unit: action.unit.rawValue, ok: true, message: action.line ?? "Submitted"))
        }
        return results
    }

    private func send(_ action: DemonstrationPlan.Action) async throws {
        let fleet = context.fleet
        switch action {
        case .submit(let name, let source): try await fleet.create(name, file: source, target: .inactive)
        case .create(let name, let source): try await fleet.create(name, file: source, target: .launched)
        case .replace(let name, let source): try await fleet.replace(name, file: source, target: .launched)
        case .start(let name): try await fleet.setTarget(.launched, of: name)
        case .restart(let name): try await fleet.restart(name)
        case .stop(let name): try await fleet.setTarget(.loaded, of: name)
        case .unload(let name): try await fleet.setTarget(.inactive, of: name)
        case .destroy(let name): _ = try await fleet.destroy(name)
        }
    }

    private func finish(_ results: [OperationResult], _ error: ClusterManagerError?) throws {
        if context.format == .json { context.console.output.write(try JSONOutput.text(results)) }
        if let error { throw error }
    }

    /// Tells who leaves from now on what goes on in the cluster.
    private func leaveWord(_ goals: [WaitGoal], without ended: Set<UnitName>) {
        let words = UnitOperation.goingOn(goals, without: ended)
        let isStart = goals.contains { $0.kind == .running }
        Interrupt.says(
            words.map { $0 + (isStart ? "; cluster-manager --stop takes all of the demonstrator away" : "") },
            on: context.console.errors)
    }

    private func tell(_ line: String) {
        if context.format == .table { context.console.output.line(line) }
    }
}

extension DemonstrationPlan {
    /// Every unit that shall run, in the order of starting.
    fileprivate func runningUnits(_ counts: [AgentKind: Int]) -> [UnitName] {
        [Self.provisioning]
            + AgentKind.allCases.flatMap { kind in (0..<(counts[kind] ?? 0)).map { kind.instance($0 + 1) } }
    }

    fileprivate func touches(_ unit: UnitName) -> Bool { actions.contains { $0.unit == unit } }
}

extension DemonstrationPlan.Action {
    package var unit: UnitName {
        switch self {
        case .submit(let name, _), .create(let name, _), .replace(let name, _), .start(let name), .restart(let name),
            .stop(let name), .unload(let name), .destroy(let name):
            name
        }
    }
}
