// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What to tell who leaves before the end.
extension UnitOperation {
    /// How many units a command that is told names at most.
    private static let mostNamed = 20

    /// That nobody knows yet whether the requests are carried out, how that is looked up, and how it is undone.
    ///
    /// - Parameters:
    ///   - steps: What the command does.
    ///   - before: The cluster before the command, as far as it is known of units that are waited for.
    /// - Returns: `nil` when nothing is asked for, or when a request changes a unit that is not waited for.
    static func doubt(_ steps: [Step], before: FleetView) -> String? {
        var goals: [WaitGoal] = []
        for step in steps where step.request != nil {
            guard let kind = step.goal else { return nil }
            goals.append(WaitGoal(step.unit, kind, hash: step.hash))
        }
        guard !goals.isEmpty else { return nil }
        let deeds = grouped(goals.map { ($0.kind.afterwards(nil).done, $0.unit) }).map { deed, units in
            "\(units.map(\.rawValue).few(3)) \(units.count == 1 ? "was" : "were") \(deed)"
        }
        return
            "whether \(deeds.joined(separator: " and ")) is not known; \(command("status", goals.map(\.unit))) shows it"
            + remedy(goals, before: before)
    }

    /// What goes on in the cluster, and how it is undone.
    ///
    /// - Parameters:
    ///   - goals: What the command has asked for.
    ///   - ended: Those of their units that are where they should be.
    ///   - before: The cluster before the command.
    /// - Returns: `nil` when nothing goes on.
    static func farewell(
        _ goals: [WaitGoal], without ended: Set<UnitName> = [], before: FleetView = FleetView()
    ) -> String? {
        goingOn(goals, without: ended).map { $0 + remedy(goals, before: before) }
    }

    /// What goes on in the cluster.
    static func goingOn(_ goals: [WaitGoal], without ended: Set<UnitName> = []) -> String? {
        let open = goals.filter { !ended.contains($0.unit) }
        guard !open.isEmpty else { return nil }
        let deeds = grouped(open.map { ($0.kind.afterwards(nil).doing, $0.unit) }).map { deed, units in
            "\(deed) \(units.map(\.rawValue).few(3))"
        }
        return "the cluster goes on \(deeds.joined(separator: " and "))"
    }

    /// Which units are still to be asked for something, and the commands that ask for what comes of it in the end.
    ///
    /// - Parameter ahead: The stages that have not begun.
    /// - Returns: `nil` when everything was asked for.
    static func unasked(_ ahead: ArraySlice<Stage>) -> String? {
        var seen: Set<UnitName> = []
        var verbs: [(word: String, unit: UnitName)] = []
        for step in ahead.reversed().flatMap(\.steps) where step.request != nil && seen.insert(step.unit).inserted {
            verbs.append((step.verb ?? "", step.unit))
        }
        guard !verbs.isEmpty else { return nil }
        return grouped(verbs).map { verb, units in
            let subject = "\(units.map(\.rawValue).few(3)) \(units.count == 1 ? "was" : "were") not asked"
            return verb.isEmpty ? "\(subject) for" : "\(subject) to \(verb), which \(command(verb, units)) does"
        }.joined(separator: "; ")
    }

    /// The commands that bring each unit back to what it was; empty where one of them cannot be brought back.
    ///
    /// What has ended is undone all the same. No command brings a former file back.
    private static func remedy(_ goals: [WaitGoal], before: FleetView) -> String {
        var verbs: [(word: String, unit: UnitName)] = []
        for goal in goals {
            let verb = goal.kind.afterwards(before.units[goal.unit]?.desired).undoing
            guard let verb, goal.hash == nil else { return "" }
            verbs.append((verb, goal.unit))
        }
        let commands = grouped(verbs).map { command($0.word, $0.units) }
        return "; \(commands.joined(separator: " and ")) \(commands.count == 1 ? "undoes" : "undo") it"
    }

    private static func command(_ verb: String, _ units: [UnitName]) -> String {
        let names = units.prefix(mostNamed).map { ShellWord.quoted($0.rawValue) }.joined(separator: " ")
        return "cluster-manager \(verb) \(names)\(units.count > mostNamed ? " ..." : "")"
    }

    /// The units of each word, in the order in which the words come first.
    private static func grouped(_ pairs: [(word: String, unit: UnitName)]) -> [(word: String, units: [UnitName])] {
        var groups: [(word: String, units: [UnitName])] = []
        for (word, unit) in pairs {
            if let index = groups.firstIndex(where: { $0.word == word }) {
                groups[index].units.append(unit)
            } else {
                groups.append((word, [unit]))
            }
        }
        return groups
    }
}
