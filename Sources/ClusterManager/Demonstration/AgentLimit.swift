// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// How many agents of a kind the machines can take, by the conflicts that the unit files declare.
package struct AgentLimit: Sendable {
    /// The highest number of agents that can be placed; `nil` when the files set no limit.
    package let most: Int?
    private let kind: AgentKind
    private let machines: Int
    private let excludesProvisioning: Bool

    /// Works out the limit of `kind` on that many machines.
    ///
    /// One agent of a kind per machine follows from the template's conflict with its own instances; one machine less from
    /// a conflict with provisioning, declared by either side.
    package init(_ kind: AgentKind, files: DemonstrationFiles, machines: Int) {
        self.kind = kind
        self.machines = machines
        let first = kind.instance(1)
        guard let source = files.agents[kind], machines > 0 else {
            most = machines > 0 ? nil : 0
            excludesProvisioning = false
            return
        }
        excludesProvisioning =
            source.conflicts(first, with: DemonstrationPlan.provisioning)
            || files.provisioning.conflicts(DemonstrationPlan.provisioning, with: first)
        guard source.conflicts(first, with: kind.instance(2)) else {
            most = excludesProvisioning && machines == 1 ? 0 : nil
            return
        }
        most = excludesProvisioning ? machines - 1 : machines
    }

    /// The line that says how many of `count` agents will wait and why; `nil` when all fit.
    package func warning(for count: Int) -> String? {
        guard let most, count > most else { return nil }
        let waiting = "\(count - most) of \(count) \(kind.rawValue) agents will wait for a machine"
        guard machines > 0 else { return "\(waiting): no machine is up" }
        let up = machines == 1 ? "1 machine is up" : "\(machines) machines are up"
        let rule =
            excludesProvisioning
            ? "each takes one \(kind.rawValue) agent, and the one with provisioning takes none"
            : "each takes one \(kind.rawValue) agent"
        return "\(waiting): \(up), \(rule)"
    }
}
