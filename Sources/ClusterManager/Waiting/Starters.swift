// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What starts a unit on its machine beside the cluster.
extension FleetView {
    /// Units that start `unit` where it is: its timer, its socket, its path, and those that want it.
    ///
    /// - Parameter unit: A unit that is on a machine.
    /// - Returns: The names of those that the view knows and that are launched on the same machine, in order.
    func starters(of unit: FleetUnit) -> [UnitName] {
        // A link `main.service.wants/web.service` has main.service start web.service.
        let owners = InstallSection(of: unit.file, for: unit.name).dependents.compactMap { link -> String? in
            guard let owner = link.split(separator: "/").first, let end = owner.lastIndex(of: ".") else { return nil }
            return String(owner[..<end])
        }
        let others = sortedUnits.filter { other in
            other.name != unit.name && !other.name.isTemplate && other.desired == .launched
                && (other.isGlobal || other.machine == unit.machine)
        }
        return others.filter { owners.contains($0.name.rawValue) || $0.starts(unit.name) }.map(\.name)
    }
}

extension FleetUnit {
    /// Settings of `[Unit]` by which a unit starts others.
    private static let starting = ["Wants", "Requires", "BindsTo", "Upholds", "OnSuccess", "OnFailure"]

    /// Whether this unit's file has systemd start `unit`.
    func starts(_ unit: UnitName) -> Bool {
        if names("Unit", Self.starting).contains(unit.rawValue) { return true }
        let named: [String]
        switch name.type {
        case .timer: named = names("Timer", ["Unit"])
        case .path: named = names("Path", ["Unit"])
        case .socket: named = names("Socket", ["Service"])
        default: return false
        }
        if let last = named.last { return last == unit.rawValue }
        // A socket with Accept=yes starts instances.
        let isOfSocket = name.type == .socket && unit.template?.rawValue == "\(name.withoutType)@.service"
        return isOfSocket || unit.rawValue == "\(name.withoutType).service"
    }

    private func names(_ section: String, _ settings: [String]) -> [String] {
        let values = settings.flatMap { file.effectiveValues(section: section, name: $0) }
        return values.flatMap { value in
            value.split(whereSeparator: \.isWhitespace).map { name.systemdText(String($0)).text }
        }
    }
}
