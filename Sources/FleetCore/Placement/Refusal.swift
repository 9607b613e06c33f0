// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why no machine can take a unit now: how many machines each rule refused (rule R9).
package struct Refusal: Hashable, Sendable, CustomStringConvertible {
    /// The rules of placement, in the order in which a machine is tested; a machine counts under the first that refuses.
    package enum Rule: String, Hashable, Sendable, CaseIterable {
        case machineID = "MachineID"
        case metadata = "MachineMetadata"
        case machineOf = "MachineOf"
        case conflicts = "Conflicts"
        case ports = "Ports"
        case replaces = "Replaces"
        /// The machine says that it can take no units; its record tells what is wrong.
        case unable
        /// Nothing but an operator's wish keeps the unit off.
        case cordon = "cordon"
    }

    /// One rule's share.
    package struct Count: Hashable, Sendable {
        package var rule: Rule
        package var machines: Int
        /// What the rule wants, or an example of what stands in the way.
        package var detail: String

        package init(rule: Rule, machines: Int, detail: String) {
            self.rule = rule
            self.machines = machines
            self.detail = detail
        }
    }

    /// Machines that are alive.
    package var machines: Int
    /// In the order of `Rule.allCases`, rules that refused nothing left out.
    package var counts: [Count]
    /// What it waits for when no rule of placement is the cause, such as its old machine still stopping it.
    package var other: String?
    /// Units that it is to be beside and that the cluster does not have, so that no machine can ever have them.
    package var missing: [UnitName] = []

    package init(machines: Int, counts: [Count] = [], other: String? = nil) {
        self.machines = machines
        self.counts = counts
        self.other = other
    }

    package var description: String {
        if let other { return other }
        guard !missing.isEmpty else { return sum }
        return "\(sum); there is \(missing.map { "no unit \($0)" }.joined(separator: " and ")) in the cluster"
    }

    /// What each rule refuses.
    private var sum: String {
        guard machines > 0 else { return "no machine is alive in this cluster" }
        let parts = counts.map { count in
            let machines = "\(count.machines) \(count.machines == 1 ? "machine" : "machines")"
            switch count.rule {
            case .cordon: return "\(machines) \(count.machines == 1 ? "is" : "are") cordoned (\(count.detail))"
            case .unable: return "\(machines) can take no units (\(count.detail))"
            default: return "\(count.rule.rawValue) refuses \(count.machines) (\(count.detail))"
            }
        }
        return "0 of \(machines) machines can take it: " + parts.joined(separator: ", ")
    }
}
