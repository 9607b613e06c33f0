// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A unit that another one cannot do without, and that is down.
package struct DependencyFault: Hashable, Sendable {
    /// The unit that is down.
    package var name: String
    /// The setting that names it, and the unit whose setting that is.
    package var setting: String
    package var dependent: String
    /// As in `UnitStatus`.
    package var load: String
    package var active: String
    /// systemd's word for how it ended, unless that is `success`.
    package var result: String?
    package var exit: StartReport.Exit?
    /// What must hold before it starts, such as `AssertPathExists=/etc/web`.
    package var checks: [String]

    package init(
        name: String, setting: String = "Requires", dependent: String, load: String = "loaded",
        active: String = "inactive", result: String? = nil, exit: StartReport.Exit? = nil, checks: [String] = []
    ) {
        self.name = name
        self.setting = setting
        self.dependent = dependent
        self.load = load
        self.active = active
        self.result = result
        self.exit = exit
        self.checks = checks
    }

    /// The settings without which a unit does not start (systemd.unit(5)).
    static let settings = ["Requires", "Requisite", "BindsTo"]

    package var isLoaded: Bool { load == "loaded" || load == "merged" || load == "stub" }
    package var hasFailed: Bool { active == "failed" || result != nil }

    /// What stands for itself: a unit that `Requires=` names may be down and have nothing to do with the matter.
    private var isClear: Bool { !isLoaded || hasFailed || setting != "Requires" }

    /// Of all that is down around a unit that was not started, what the others are down for, by name.
    static func causes(among faults: [DependencyFault]) -> [DependencyFault] {
        let clear = faults.filter(\.isClear)
        // A oneshot that has done its work is down as it should be.
        let rest = clear.isEmpty ? faults.filter { $0.exit == nil } : clear
        let dependents = Dictionary(faults.map { ($0.name, $0.dependent) }) { first, _ in first }
        var explained: Set<String> = []
        for fault in rest where !fault.isLoaded || fault.hasFailed {
            var dependent = fault.dependent
            while explained.insert(dependent).inserted, let next = dependents[dependent] { dependent = next }
        }
        return rest.filter { !$0.isLoaded || $0.hasFailed || !explained.contains($0.name) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}

extension SystemdManager {
    /// A unit may need thousands of others; whoever reads the reason is not served by more than a few.
    private static let searchLimit = 64

    /// Why a start of `name` ended with the result `dependency`: each unit that it needs, itself or through another one that
    /// is down, and that is at fault.
    func dependencyFaults(of name: String) async throws(SystemdError) -> [DependencyFault] {
        var faults: [DependencyFault] = []
        var seen: Set<String> = [name]
        var queue = [name]
        while !queue.isEmpty, seen.count < Self.searchLimit {
            let dependent = queue.removeFirst()
            for setting in DependencyFault.settings {
                let names = try await strings("Unit", setting, of: dependent).filter { seen.insert($0).inserted }
                    .sorted()
                guard !names.isEmpty else { continue }
                for status in try await listUnits(names: names.prefix(Self.searchLimit).map(\.self))
                where !["active", "reloading"].contains(status.active) {
                    let fault = DependencyFault(
                        name: status.name, setting: setting, dependent: dependent, load: status.load,
                        active: status.active)
                    faults.append(fault.isLoaded ? try await detailed(fault) : fault)
                    if fault.isLoaded { queue.append(status.name) }
                }
            }
        }
        return DependencyFault.causes(among: faults)
    }

    private func detailed(_ fault: DependencyFault) async throws(SystemdError) -> DependencyFault {
        let report = try await startReport(of: fault.name, after: .unknown)
        var fault = fault
        fault.result = report.result == "success" ? nil : report.result
        fault.exit = report.exit
        // A condition that is not met is no fault to who only requires the unit.
        fault.checks = report.asserts + (fault.setting == "Requires" ? [] : report.conditions)
        return fault
    }
}
