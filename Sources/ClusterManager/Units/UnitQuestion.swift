// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What `is-active` and `is-failed` ask of units, answered in systemctl's words and by its exit statuses.
package enum UnitQuestion: Hashable, Sendable {
    case isActive
    case isFailed

    /// What is known of one unit.
    package struct Answer: Encodable, Hashable, Sendable {
        package let unit: String
        /// systemd's word; `inactive` also for a unit that is on no machine, and, as systemctl has it, for one that does not exist.
        package let active: String
        /// Whether the cluster knows the unit.
        package let exists: Bool

        /// Of a unit that is on several machines the word is the one furthest from `active`: it is active where it is so everywhere.
        package init(_ unit: FleetUnit, _ states: [FleetUnitState]) {
            let home = unit.isGlobal ? nil : unit.machine
            let words = Set(states.filter { home == nil || $0.machine == home }.map(\.active))
            let order = [
                "failed", "maintenance", "inactive", "deactivating", "activating", "reloading", "refreshing", "active",
            ]
            let other = words.isEmpty ? "inactive" : words.filter { !$0.isEmpty }.min() ?? "unknown"
            self.unit = unit.name.rawValue
            self.active = order.first(where: words.contains) ?? other
            self.exists = true
        }

        /// Says that there is no such unit.
        package init(missing name: UnitName) {
            self.unit = name.rawValue
            self.active = "inactive"
            self.exists = false
        }
    }

    private func isMet(by answer: Answer) -> Bool {
        switch self {
        case .isActive: ["active", "reloading", "refreshing"].contains(answer.active)
        case .isFailed: answer.active == "failed"
        }
    }

    /// The exit status of the answers: one that meets the question is enough.
    package func status(of answers: [Answer]) -> ExitStatus {
        if answers.contains(where: isMet) { return .success }
        if !answers.isEmpty, answers.allSatisfy({ !$0.exists }) { return .unknownUnit }
        return self == .isActive ? .notActive : .failure
    }

    /// Prints a word for each unit that the arguments mean.
    ///
    /// - Throws: `ClusterManagerError`; with nothing more to say when the answer is no.
    package func run(_ arguments: [String], isQuiet: Bool, in context: CommandContext) async throws {
        let answers = try await Self.answers(arguments, from: context.fleet)
        if !isQuiet {
            switch context.format {
            case .json: context.console.output.write(try JSONOutput.text(answers))
            case .table: for answer in answers { context.console.output.line(answer.active) }
            }
        }
        let status = status(of: answers)
        guard status != .success else { return }
        var error = ClusterManagerError(.unit, "")
        error.status = status
        throw error
    }

    /// One answer per name, in the order of the arguments; a pattern means the units that there are, be it none.
    private static func answers(_ arguments: [String], from fleet: any FleetService) async throws -> [Answer] {
        let arguments = arguments.map(UnitArgument.init)
        // What a pattern means is asked for at once, however many they are.
        var listed: FleetView?
        if arguments.contains(where: \.isPattern) {
            async let units = fleet.units()
            async let states = fleet.states(of: nil)
            listed = try await FleetView(units: units, states: states)
        }
        let known = listed?.sortedUnits.map(\.name).filter { !$0.isTemplate } ?? []
        let names = try arguments.flatMap { try $0.isPattern ? $0.matchesIfAny(known) : [$0.name()] }
        let answers = await Concurrently.map(names) { [listed] name -> Answer in
            if let listed, let unit = listed.units[name] {
                return Answer(unit, (listed.states[name] ?? [:]).values.sorted { $0.machine < $1.machine })
            }
            guard let unit = try await fleet.unit(called: name) else { return Answer(missing: name) }
            return Answer(unit, try await fleet.states(of: unit.name))
        }
        return try answers.map { try $0.get() }
    }
}
