// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import FleetCore
import Testing

@Suite("plan of the demonstrator")
struct DemonstrationPlanTests {
    /// Actions in short, with `+` for submitting.
    private static func words(_ plan: DemonstrationPlan) -> [String] {
        plan.actions.map { action in
            let name = action.unit.rawValue.replacing(".service", with: "")
            return switch action {
            case .submit: "+\(name)"
            case .create: "create \(name)"
            case .replace: "replace \(name)"
            case .start: "start \(name)"
            case .restart: "restart \(name)"
            case .stop: "stop \(name)"
            case .unload: "unload \(name)"
            case .destroy: "destroy \(name)"
            }
        }
    }

    /// Units of a cluster that runs the demonstrator with agents such as `felix@1 felix@3:inactive`.
    private static func cluster(_ agents: String) throws -> [FleetUnit] {
        let fixed = try ["celix@.service", "felix@.service"].map { try Fixtures.unit($0, .inactive) }
        let provisioning = try Fixtures.unit("provisioning.service", machine: "m")
        return try fixed + [provisioning]
            + agents.split(separator: " ").map { word in
                let parts = word.split(separator: ":")
                let desired = parts.count > 1 ? TargetState(rawValue: String(parts[1])) ?? .inactive : .launched
                return try Fixtures.unit("\(parts[0]).service", desired)
            }
    }

    @Test("first start submits the templates and starts provisioning, felix and celix in the documented order")
    func firstStart() throws {
        let plan = DemonstrationPlan.starting([.felix: 2, .celix: 2], files: try Fixtures.files(), units: [])
        #expect(
            Self.words(plan) == [
                "+felix@", "+celix@", "create provisioning", "create felix@1", "create felix@2", "create celix@1",
                "create celix@2",
            ])
        #expect(
            plan.actions.compactMap(\.line) == [
                "Triggered unit provisioning.service start", "Triggered unit felix@1.service start",
                "Triggered unit felix@2.service start", "Triggered unit celix@1.service start",
                "Triggered unit celix@2.service start",
            ])
    }

    @Test(
        "agents are scaled by their numbers",
        arguments: [
            // what is there, felix, celix, what is done
            ("felix@1 felix@2 celix@1 celix@2", 2, 2, ""),
            ("felix@1 felix@2 celix@1 celix@2", 3, 3, "create felix@3,create celix@3"),
            (
                "felix@1 felix@2 felix@3 celix@1 celix@2 celix@3", 2, 2,
                "stop felix@3,unload felix@3,stop celix@3,unload celix@3"
            ),
            ("felix@1 felix@2 felix@3", 1, 0, "stop felix@3,unload felix@3,stop felix@2,unload felix@2"),
            ("felix@1 felix@3", 2, 0, "create felix@2,stop felix@3,unload felix@3"),
            ("felix@1 felix@3", 3, 0, "create felix@2"),
            ("felix@2", 2, 0, "create felix@1"),
            ("felix@1 felix@2:inactive", 2, 0, "start felix@2"),
            ("felix@1 felix@2:loaded", 2, 0, "start felix@2"),
            ("felix@1 felix@2:loaded", 1, 0, "unload felix@2"),
            ("felix@1 felix@2:inactive", 1, 0, ""),
            (
                "felix@9 felix@10", 8, 0,
                (1...8).map { "create felix@\($0)" }.joined(separator: ",")
                    + ",stop felix@10,unload felix@10,stop felix@9,unload felix@9"
            ),
            ("felix@1 celix@1 celix@2", 2, 1, "create felix@2,stop celix@2,unload celix@2"),
            // Names that this program does not give are left alone.
            ("felix@01 felix@blue felix@1", 1, 0, ""),
        ])
    func scaling(there: String, felix: Int, celix: Int, expected: String) throws {
        let units = try Self.cluster(there)
        let plan = DemonstrationPlan.starting(
            [.felix: felix, .celix: celix], files: try Fixtures.files(), units: units.reversed())
        #expect(Self.words(plan).joined(separator: ",") == expected)
        #expect(plan.outdated.isEmpty)
    }

    @Test("what is launched and down is started again, and nothing else is touched")
    func down() throws {
        let standings: [UnitName: Standing] = [
            DemonstrationPlan.provisioning: .down, UnitName(unchecked: "felix@1.service"): .down,
            UnitName(unchecked: "felix@2.service"): .up, UnitName(unchecked: "felix@4.service"): .down,
        ]
        let plan = DemonstrationPlan.starting(
            [.felix: 3, .celix: 0], files: try Fixtures.files(),
            units: try Self.cluster("felix@1 felix@2 felix@3 felix@4"), standings: standings)
        #expect(
            Self.words(plan) == ["restart provisioning", "restart felix@1", "stop felix@4", "unload felix@4"])
        #expect(plan.actions.first?.line == "Triggered unit provisioning.service start")
    }

    @Test("an agent that was scaled in comes back with the template's present file")
    func replacesStaleAgent() throws {
        var units = try Self.cluster("felix@1")
        units.append(try Fixtures.unit("felix@2.service", .inactive, text: Fixtures.otherText))
        let plan = DemonstrationPlan.starting([.felix: 2, .celix: 0], files: try Fixtures.files(), units: units)
        #expect(
            plan.actions == [.replace(UnitName(unchecked: "felix@2.service"), try Fixtures.files().agents[.felix]!)])
    }

    @Test("a template that differs from the folder's stays in force, and is reported")
    func keepsTemplate() throws {
        let template = try Fixtures.unit("felix@.service", .inactive, text: Fixtures.otherText)
        let plan = DemonstrationPlan.starting([.felix: 1, .celix: 0], files: try Fixtures.files(), units: [template])
        #expect(plan.outdated == [template.name])
        let created = plan.actions.compactMap { action in
            if case .create(let name, let source) = action, name != DemonstrationPlan.provisioning {
                source.hash
            } else {
                nil
            }
        }
        #expect(created == [template.hash])
    }

    @Test("stopping takes down agents, then their template, felix first, provisioning last")
    func stopping() throws {
        let units = try Self.cluster("felix@1 felix@2 felix@10 felix@blue celix@1:loaded celix@2:inactive")
        #expect(
            Self.words(.stopping(units)) == [
                "stop felix@10", "unload felix@10", "destroy felix@10", "stop felix@2", "unload felix@2",
                "destroy felix@2", "stop felix@1", "unload felix@1", "destroy felix@1", "stop felix@blue",
                "unload felix@blue", "destroy felix@blue", "destroy felix@", "destroy celix@2", "unload celix@1",
                "destroy celix@1", "destroy celix@", "stop provisioning", "unload provisioning",
                "destroy provisioning",
            ])
    }

    @Test("stopping what was never started does nothing, and other units are not touched")
    func stoppingNothing() throws {
        #expect(DemonstrationPlan.stopping([]).actions.isEmpty)
        let others = try ["web.service", "celix.service", "felix@1.socket", "myfelix@1.service"].map {
            try Fixtures.unit($0)
        }
        #expect(DemonstrationPlan.stopping(others).actions.isEmpty)
    }

    @Test(
        "what does not fit is known beforehand",
        arguments: [
            (AgentKind.felix, 5, 4, nil), (.celix, 5, 5, nil), (.felix, 5, 0, nil),
            (
                .felix, 5, 6,
                "2 of 6 felix agents will wait for a machine: 5 machines are up, each takes one felix agent, "
                    + "and the one with provisioning takes none"
            ),
            (.celix, 1, 3, "2 of 3 celix agents will wait for a machine: 1 machine is up, each takes one celix agent"),
            (.celix, 0, 2, "2 of 2 celix agents will wait for a machine: no machine is up"),
            (
                .felix, 1, 1,
                "1 of 1 felix agents will wait for a machine: 1 machine is up, each takes one felix agent, "
                    + "and the one with provisioning takes none"
            ),
        ] as [(AgentKind, Int, Int, String?)])
    func limits(kind: AgentKind, machines: Int, count: Int, warning: String?) throws {
        let limit = AgentLimit(kind, files: try Fixtures.files(), machines: machines)
        #expect(limit.warning(for: count) == warning)
    }

    @Test("agents without conflicts have no limit")
    func noLimit() throws {
        let plain = try Fixtures.source(Fixtures.plainText, "celix@.service")
        let files = DemonstrationFiles(provisioning: plain, felix: plain, celix: plain)
        #expect(AgentLimit(.celix, files: files, machines: 1).most == nil)
    }
}
