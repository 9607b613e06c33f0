// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Which lines of a listing of units are wanted.
struct UnitFilter: Sendable {
    private let names: Set<UnitName>
    private let patterns: [Glob]
    /// Ids; every machine where there is none.
    private let machines: Set<String>
    /// Words of LOAD, ACTIVE or SUB; whatever these are where there is none.
    private let states: Set<String>

    /// Understands what the user has asked for.
    ///
    /// - Parameters:
    ///   - units: Names and patterns; a name that a unit has by its `Alias=` means that unit.
    ///   - machines: Words that mean machines.
    ///   - states: Lists of systemd's words, separated by commas.
    ///   - context: Where names and machines are looked up.
    /// - Throws: `ClusterManagerError` for what is no name, no pattern, or no living machine.
    init(units: [String], machines: [String] = [], states: [String] = [], in context: CommandContext) async throws {
        let words = states.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map(String.init)
        guard !words.contains("") else {
            throw ClusterManagerError(
                .usage, "--state takes words of systemd's, separated by commas, such as failed,exited")
        }
        self.states = Set(words)
        let arguments = units.map(UnitArgument.init)
        self.patterns = try arguments.filter(\.isPattern).map { try $0.glob() }
        let plain = try arguments.filter { !$0.isPattern }.map { try $0.name() }
        let fleet = context.fleet
        let answers = await Concurrently.map(plain) { try await fleet.unit(called: $0)?.name ?? $0 }
        self.names = Set(try answers.map { try $0.get() })
        var ids: Set<String> = []
        for machine in machines { ids.insert(try await context.machine(machine).id) }
        self.machines = ids
    }

    /// What there is none of when nothing passes; `nil` for the listing's own word.
    var subjects: String? { isLimited ? "such units" : nil }

    private var isLimited: Bool { !(names.isEmpty && patterns.isEmpty && machines.isEmpty && states.isEmpty) }

    func admits(_ name: UnitName) -> Bool {
        (names.isEmpty && patterns.isEmpty) || names.contains(name) || patterns.contains { $0.matches(name) }
    }

    func admits(_ state: FleetUnitState) -> Bool {
        guard admits(state.name), machines.isEmpty || machines.contains(state.machine) else { return false }
        return states.isEmpty || [state.load, state.active, state.sub].contains(where: states.contains)
    }
}
