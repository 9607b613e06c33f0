// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// One change that a user makes to one unit.
package enum UnitChange: Hashable, Sendable {
    /// Refused with `.conflict` when the unit exists.
    case create(UnitName, file: UnitFile, target: TargetState)
    /// Refused with `.notFound` when the unit does not exist, with `.conflict` when its record is not at the mod
    /// revision `expecting`; `nil` takes any.
    case replace(UnitName, file: UnitFile, target: TargetState, expecting: Int64?)
    case target(UnitName, TargetState)
    /// Raises the number of restarts asked for.
    case restart(UnitName)
    case destroy(UnitName)

    package var unit: UnitName {
        switch self {
        case .create(let unit, _, _), .replace(let unit, _, _, _), .target(let unit, _), .restart(let unit),
            .destroy(let unit):
            unit
        }
    }

    /// The unit file that comes with the change.
    package var file: UnitFile? {
        switch self {
        case .create(_, let file, _), .replace(_, let file, _, _): file
        case .target, .restart, .destroy: nil
        }
    }

    /// How many operations on the unit's own keys it takes at most: the record's, and the deletion of a result.
    static let operations = 2

    /// The change in words, for messages.
    var action: String {
        switch self {
        case .create: "creating unit \(unit)"
        case .replace: "replacing unit \(unit)"
        case .target(_, let target): "setting unit \(unit) to \(target.rawValue)"
        case .restart: "restarting unit \(unit)"
        case .destroy: "destroying unit \(unit)"
        }
    }
}

/// What is to be done to a unit's record, given what stands there.
enum UnitEdit: Hashable, Sendable {
    /// Nothing: the record says so already.
    case none
    case put([UInt8])
    case delete
}

extension UnitChange {
    /// What this change makes of the record `current`.
    func edit(_ current: KeyValue?) throws(RegistryError) -> UnitEdit {
        if case .create(_, let file, let target) = self {
            guard current == nil else {
                throw RegistryError(code: .conflict, while: action, message: "it exists already")
            }
            return .put(TargetEntry(hash: file.hash, target: target, restarts: 0).bytes)
        }
        guard let current else {
            throw RegistryError(code: .notFound, while: action, message: "there is no such unit")
        }
        if case .destroy = self { return .delete }
        if case .replace(_, _, _, let expected?) = self, expected != current.modRevision {
            throw RegistryError(
                code: .conflict,
                while: action, message: "it has changed since it was read; read it again and repeat the change")
        }
        do {
            var entry = try TargetEntry(bytes: current.value)
            switch self {
            case .create, .destroy: break
            case .replace(_, let file, let target, _):
                entry.hash = file.hash
                entry.target = target
            case .target(_, let target): entry.target = target
            case .restart: entry.restarts += entry.restarts < .max ? 1 : 0
            }
            let bytes = try entry.bytes(replacing: current.value)
            return bytes == current.value ? .none : .put(bytes)
        } catch {
            throw ClusterRegistry.damaged(current.key, error)
        }
    }
}
