// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The three unit files of the INAETICS demonstrator.
package struct DemonstrationFiles: Sendable {
    package var provisioning: UnitSource
    package var agents: [AgentKind: UnitSource]

    package init(provisioning: UnitSource, felix: UnitSource, celix: UnitSource) {
        self.provisioning = provisioning
        self.agents = [.felix: felix, .celix: celix]
    }
}

/// What has to be done to bring the demonstrator where it shall be: a pure function of what is there.
///
/// It goes by each agent's own number, never by how many there are: with felix@1 and felix@3 present, two agents mean
/// that felix@2 is started and felix@3 stopped.
package struct DemonstrationPlan: Sendable {
    /// One request to the cluster.
    package enum Action: Hashable, Sendable {
        /// Make the unit known, on no machine.
        case submit(UnitName, UnitSource)
        /// Make the unit and launch it.
        case create(UnitName, UnitSource)
        /// Launch a unit that is known with another file.
        case replace(UnitName, UnitSource)
        /// Launch a unit that is known.
        case start(UnitName)
        /// Start a unit that is launched and down.
        case restart(UnitName)
        case stop(UnitName)
        case unload(UnitName)
        case destroy(UnitName)

        /// The line that the user sees; submitting is preparation and shows none.
        package var line: String? {
            switch self {
            case .submit: nil
            case .create(let name, _), .replace(let name, _), .start(let name), .restart(let name):
                "Triggered unit \(name) start"
            case .stop(let name): "Triggered unit \(name) stop"
            case .unload(let name): "Triggered unit \(name) unload"
            case .destroy(let name): "Destroyed \(name)"
            }
        }
    }

    package private(set) var actions: [Action] = []
    /// Units whose file in the cluster differs from the one in the folder; the cluster's stays in force.
    package private(set) var outdated: [UnitName] = []
    private var standings: [UnitName: Standing] = [:]

    package static let provisioning = UnitName(unchecked: "provisioning.service")

    /// Plans for `--start`: templates first, then provisioning, felix and celix; surplus agents go, highest number first.
    ///
    /// - Parameters:
    ///   - counts: How many agents of each kind there shall be; a kind that is left out shall have none.
    ///   - files: What new units are made from.
    ///   - units: What the cluster knows, in any order.
    ///   - standings: How those of them do that are launched.
    /// - Returns: No action at all when everything is as it shall be.
    package static func starting(
        _ counts: [AgentKind: Int], files: DemonstrationFiles, units: [FleetUnit],
        standings: [UnitName: Standing] = [:]
    ) -> DemonstrationPlan {
        var plan = DemonstrationPlan()
        plan.standings = standings
        let known = Dictionary(units.map { ($0.name, $0) }) { first, _ in first }
        var sources = files.agents
        for kind in AgentKind.allCases {
            guard let source = sources[kind] else { continue }
            if let template = known[kind.template] {
                // New instances get what their siblings have, so that one cluster runs one version.
                sources[kind] = plan.inForce(source, template)
            } else {
                plan.actions.append(.submit(kind.template, source))
            }
        }
        plan.launch(provisioning, from: files.provisioning, known: known)
        for kind in AgentKind.allCases {
            let count = counts[kind] ?? 0
            if let source = sources[kind], count > 0 {
                for index in 1...count { plan.launch(kind.instance(index), from: source, known: known) }
            }
            let surplus = units.compactMap { unit in kind.index(of: unit.name).map { (index: $0, unit: unit) } }
                .filter { $0.index > count }
                .sorted { $0.index > $1.index }
            for (_, unit) in surplus { plan.withdraw(unit) }
        }
        return plan
    }

    /// Plans for `--stop`: everything of the demonstrator goes, agents before their templates, provisioning last.
    package static func stopping(_ units: [FleetUnit]) -> DemonstrationPlan {
        var plan = DemonstrationPlan()
        for kind in AgentKind.allCases {
            // An agent that somebody named himself belongs to the demonstrator too; it goes after the numbered ones.
            let agents = units.filter { kind.owns($0.name) }
                .sorted { (kind.index(of: $0.name) ?? 0, $0.name) > (kind.index(of: $1.name) ?? 0, $1.name) }
            for unit in agents { plan.remove(unit) }
            for unit in units where unit.name == kind.template { plan.remove(unit) }
        }
        for unit in units where unit.name == provisioning { plan.remove(unit) }
        return plan
    }

    private mutating func launch(_ name: UnitName, from source: UnitSource, known: [UnitName: FleetUnit]) {
        guard let unit = known[name] else {
            actions.append(.create(name, source))
            return
        }
        let isSame = unit.hash == source.hash
        if unit.desired == .inactive && !isSame {
            actions.append(.replace(name, source))
        } else {
            if !isSame { outdated.append(name) }
            if unit.desired != .launched {
                actions.append(.start(name))
            } else if standings[name] == .down {
                actions.append(.restart(name))
            }
        }
    }

    /// The file that instances are made from: the folder's if the cluster has the same, else the cluster's.
    private mutating func inForce(_ source: UnitSource, _ template: FleetUnit) -> UnitSource {
        guard template.hash != source.hash else { return source }
        outdated.append(template.name)
        return UnitSource(registered: template.file)
    }

    private mutating func withdraw(_ unit: FleetUnit) {
        if unit.desired == .launched { actions.append(.stop(unit.name)) }
        if unit.desired != .inactive { actions.append(.unload(unit.name)) }
    }

    private mutating func remove(_ unit: FleetUnit) {
        withdraw(unit)
        actions.append(.destroy(unit.name))
    }
}
