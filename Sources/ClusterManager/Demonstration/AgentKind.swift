// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// The two kinds of agent of the INAETICS demonstrator, in the order in which they are started.
///
/// Felix goes first: it conflicts with more units, so it has fewer machines to choose from.
package enum AgentKind: String, Sendable, CaseIterable {
    case felix
    case celix

    package var template: UnitName { UnitName(unchecked: "\(rawValue)@.service") }

    package func instance(_ index: Int) -> UnitName { UnitName(unchecked: "\(rawValue)@\(index).service") }

    /// The number of an agent that this program numbers; `nil` for other names and for spellings such as `celix@01`.
    package func index(of unit: UnitName) -> Int? {
        guard let instance = instanceText(of: unit), let index = Int(instance), index > 0,
            self.instance(index) == unit
        else { return nil }
        return index
    }

    /// Whether `unit` is made from this kind's template, whatever its instance is called.
    package func owns(_ unit: UnitName) -> Bool { instanceText(of: unit).map { !$0.isEmpty } ?? false }

    private func instanceText(of unit: UnitName) -> Substring? {
        let name = unit.rawValue
        guard name.hasPrefix("\(rawValue)@"), name.hasSuffix(".service") else { return nil }
        return name.dropFirst(rawValue.count + 1).dropLast(".service".count)
    }
}
