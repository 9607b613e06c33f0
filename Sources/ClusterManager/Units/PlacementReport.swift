// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Why a unit is where it is: what each of its rules says of the machines, and what the engine says.
///
/// The rules are tested here again, by what the API tells of units and machines, since the engine gives reasons only for
/// units that it cannot place.
package struct PlacementReport: Encodable, Hashable, Sendable {
    /// One rule's part.
    package struct Rule: Encodable, Hashable, Sendable {
        package let name: String
        /// What the unit asks for.
        package let wants: String
        /// How many machines the rule refuses by itself.
        package let refuses: Int
        /// An example of what stands in the way; empty when nothing does.
        package let example: String
    }

    /// What one machine says of the unit.
    package struct Copy: Encodable, Hashable, Sendable {
        package let machine: String
        package let active: String
        package let sub: String
        /// What stands against the unit there, in systemd's or the machine's words.
        package let health: String?
    }

    /// A machine that can take no units now.
    package struct Closed: Encodable, Hashable, Sendable {
        package let machine: String
        package let trouble: String
    }

    package let unit: String
    package let desired: String
    package let current: String
    package let global: Bool
    package let machines: [String]
    /// Machines that are alive.
    package let alive: Int
    /// How many of them pass every rule and take new units.
    package let eligible: Int
    /// How many of them an operator keeps new units off.
    package let cordoned: Int
    /// Those that say themselves that they can take no units, and why.
    package let unable: [Closed]
    package let rules: [Rule]
    /// The engine's reasons, when the unit is on no machine.
    package let reasons: [String]
    /// What the machines say of the unit that have it.
    package let copies: [Copy]

    package init(_ unit: FleetUnit, _ explanation: FleetExplanation, in view: FleetView) {
        let test = RuleTest(unit, in: view)
        let machines = view.sortedMachines
        self.unit = unit.name.rawValue
        self.desired = explanation.desired
        self.current = explanation.current
        self.global = unit.isGlobal
        self.machines = explanation.machines
        self.alive = machines.count
        self.eligible = machines.count { machine in
            test.isEligible(machine)
        }
        self.cordoned = machines.count(where: \.isCordoned)
        self.unable = machines.filter(\.isClosed).map { Closed(machine: $0.id, trouble: $0.trouble) }
        self.copies = (view.states[unit.name] ?? [:]).values.sorted { $0.machine < $1.machine }.map { state in
            Copy(machine: state.machine, active: state.active, sub: state.sub, health: state.health)
        }
        self.rules = test.rules.map { rule in
            let obstacles = machines.compactMap { test.obstacle(rule, $0) }
            return Rule(
                name: rule.rawValue, wants: test.wish(rule), refuses: obstacles.count, example: obstacles.first ?? "")
        }
        self.reasons = explanation.reasons
    }

    /// What the unit is: what its machine was told, or what systemd there says when it was started and does not run.
    private func state(in view: FleetView) -> String {
        guard current == TargetState.launched.rawValue, let machine = machines.first,
            let active = view.states[UnitName(unchecked: unit)]?[machine]?.active,
            !["", "active", "reloading", "refreshing"].contains(active)
        else { return current }
        return active
    }

    /// The lines for people.
    package func text(in view: FleetView) -> String {
        // A global unit is on many machines, each with a state of its own; those stand below.
        var lines = [
            global
                ? "\(unit) is to be \(desired) on every machine that qualifies."
                : "\(unit) is to be \(desired), and is \(state(in: view))."
        ]
        if desired == TargetState.inactive.rawValue {
            lines.append("Nobody has asked for it to be on a machine; 'load' or 'start' would.")
        }
        for machine in machines {
            let state = view.states[UnitName(unchecked: unit)]?[machine]
            var words = "its machine has not reported it yet"
            if let state {
                words = state.active.isEmpty ? "systemd has not told of it" : "\(state.active) (\(state.sub))"
            }
            if let reason = state?.health { words += ": \(reason)" }
            lines.append("On \(view.label(of: machine)): \(words)")
        }
        for rule in rules {
            let example = rule.example.isEmpty ? "" : ", such as \(rule.example)"
            lines.append("\(rule.name)=\(rule.wants) refuses \(rule.refuses) of \(alive) machines\(example)")
        }
        if cordoned > 0 {
            lines.append(
                "\(cordoned) of \(alive) machines "
                    + (cordoned == 1 ? "is cordoned and takes no new units." : "are cordoned and take no new units."))
        }
        if !unable.isEmpty {
            let names = unable.map { view.label(of: $0.machine) + ($0.trouble.isEmpty ? "" : ": \($0.trouble)") }
            lines.append(
                "\(unable.count) of \(alive) machines can take no units now: \(names.few(3))")
        }
        let isLimited = cordoned > 0 || !unable.isEmpty
        if rules.isEmpty, eligible == 0 {
            lines.append("It has no rules, and no machine can take it now.")
        } else if rules.isEmpty {
            lines.append("It has no rules: \(eligible == 1 ? "1 machine" : "any of \(eligible) machines") would do.")
        } else {
            let (pass, take) = eligible == 1 ? ("passes", "takes") : ("pass", "take")
            lines.append("\(eligible) of \(alive) machines \(pass) all rules\(isLimited ? " and \(take) it" : "") now.")
        }
        if desired != TargetState.inactive.rawValue {
            lines += reasons.map { "It is on no machine: \($0)" }
            if global {
                lines.append("A global unit runs on every machine that passes.")
            } else if !machines.isEmpty {
                lines.append(
                    "Of those the scheduler takes the one with the fewest instances of the template, then with the fewest"
                        + " units; the unit stays there while the machine lives and passes.")
            } else if reasons.isEmpty {
                lines.append("It is on no machine yet; nothing stands in the way.")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// A unit's rules against machines, one rule at a time.
struct RuleTest {
    private let unit: FleetUnit
    private let options: SchedulingOptions
    /// Its own name first, then its aliases.
    private let names: [UnitName]
    /// The other units on each machine, by all of their names, their own first, with their own wishes.
    private let neighbours: [String: [(names: [UnitName], options: SchedulingOptions)]]
    /// All units of the cluster, by all of their names.
    private let known: Set<UnitName>
    /// Those of them that are on a machine.
    private let placed: Set<UnitName>

    init(_ unit: FleetUnit, in view: FleetView) {
        self.unit = unit
        self.options = SchedulingOptions(of: unit.file, for: unit.name)
        self.names = Self.names(of: unit)
        var neighbours: [String: [(names: [UnitName], options: SchedulingOptions)]] = [:]
        for other in view.sortedUnits where other.name != unit.name && other.desired > .inactive {
            let options = SchedulingOptions(of: other.file, for: other.name)
            let names = Self.names(of: other)
            let places =
                other.isGlobal ? (view.states[other.name] ?? [:]).keys.sorted() : other.machine.map { [$0] } ?? []
            for machine in places { neighbours[machine, default: []].append((names, options)) }
        }
        self.neighbours = neighbours
        self.known = Set(view.units.values.flatMap { Self.names(of: $0) })
        let placed = view.sortedUnits.filter { other in
            other.isGlobal ? view.states[other.name]?.isEmpty == false : other.machine != nil
        }
        self.placed = Set(placed.flatMap { Self.names(of: $0) })
    }

    /// All that the unit is called on its machine, its own name first.
    private static func names(of unit: FleetUnit) -> [UnitName] { [unit.name] + unit.file.aliases(of: unit.name) }

    /// Whether `options` keep their unit off this one, by any of its names.
    private func isAvoided(by options: SchedulingOptions) -> Bool { names.contains { options.conflicts(with: $0) } }

    /// The rules that the unit has, and `Conflicts` also when only others name it.
    var rules: [Refusal.Rule] {
        Refusal.Rule.allCases.filter { rule in
            switch rule {
            case .machineID: options.machineID != nil
            case .metadata: !wish(.metadata).isEmpty
            case .machineOf: !options.machineOf.isEmpty
            case .conflicts:
                !options.conflicts.isEmpty
                    || neighbours.values.contains { $0.contains { isAvoided(by: $0.options) } }
            case .ports: !options.ports.isEmpty
            // What replaces drives out, it does not avoid; an operator's wish is no rule of the unit.
            case .replaces, .unable, .cordon: false
            }
        }
    }

    /// Whether `machine` passes all rules and takes new units.
    func isEligible(_ machine: FleetMachine) -> Bool {
        !machine.isCordoned && !machine.isClosed && rules.allSatisfy { obstacle($0, machine) == nil }
    }

    /// What the unit asks for by this rule, as its file says it.
    func wish(_ rule: Refusal.Rule) -> String {
        switch rule {
        case .machineID: options.machineID ?? ""
        case .metadata:
            unit.file.options.filter {
                $0.section == SchedulingOptions.section && $0.name.hasSuffix("MachineMetadata")
            }.map { unit.name.expandingSpecifiers(in: $0.value) }.joined(separator: " ")
        case .machineOf: options.machineOf.map(\.rawValue).joined(separator: " ")
        case .conflicts:
            options.conflicts.isEmpty
                ? "(of others)" : options.conflicts.map { "\($0)" }.joined(separator: " ")
        case .ports: options.ports.map(\.description).joined(separator: ",")
        case .replaces: options.replaces.map { "\($0)" }.joined(separator: " ")
        case .unable, .cordon: ""
        }
    }

    /// What stands in the unit's way on `machine` by this rule; `nil` when nothing does.
    func obstacle(_ rule: Refusal.Rule, _ machine: FleetMachine) -> String? {
        let place = FleetView.short(machine.id)
        let there = neighbours[machine.id] ?? []
        switch rule {
        case .machineID:
            guard let wanted = options.machineID else { return nil }
            return wanted == machine.id || wanted == machine.id.prefix(8) ? nil : place
        case .metadata: return options.metadata.accepts(machine.metadata) ? nil : place
        case .machineOf:
            let peers = Set(there.flatMap(\.names))
            return options.machineOf.first { !peers.contains($0) }.map { peer in
                var cause = ""
                if !known.contains(peer) {
                    cause = ": there is no unit \(peer) in the cluster"
                } else if !placed.contains(peer) {
                    cause = ": \(peer), which it is to be beside, is on no machine"
                }
                return "\(place), where \(peer) is not\(cause)"
            }
        case .conflicts:
            for other in there {
                let matched = other.names.first { options.conflicts(with: $0) }
                guard matched != nil || isAvoided(by: other.options), let name = other.names.first else { continue }
                let alias = matched.map { $0 == name ? "" : " (\($0))" } ?? ""
                return "\(place), which has \(name)\(alias)"
            }
            return nil
        case .ports:
            for other in there {
                guard let port = options.ports.first(where: { other.options.ports.contains($0) }),
                    let name = other.names.first
                else { continue }
                return "\(place), where port \(port) is taken by \(name)"
            }
            return nil
        case .replaces, .unable, .cordon: return nil
        }
    }
}
