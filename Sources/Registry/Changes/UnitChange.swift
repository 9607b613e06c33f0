// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// One change that a user makes to one unit.
package enum UnitChange: Hashable, Sendable {
    /// Refused with `.conflict` when the unit exists, or when a name that its file asks for, or its own, may have been taken
    /// since revision `checkedAt`.
    case create(UnitName, file: UnitFile, target: TargetState, checkedAt: Int64 = .max)
    /// Refused with `.notFound` when the unit does not exist, with `.conflict` when its record is not at the mod
    /// revision `expecting` (`nil` takes any), or when a name that its file asks for may have been taken since `checkedAt`.
    case replace(UnitName, file: UnitFile, target: TargetState, expecting: Int64?, checkedAt: Int64 = .max)
    case target(UnitName, TargetState)
    /// Raises the number of restarts asked for.
    case restart(UnitName)
    case destroy(UnitName)

    package var unit: UnitName {
        switch self {
        case .create(let unit, _, _, _), .replace(let unit, _, _, _, _), .target(let unit, _), .restart(let unit),
            .destroy(let unit):
            unit
        }
    }

    /// The unit file that comes with the change.
    package var file: UnitFile? {
        switch self {
        case .create(_, let file, _, _), .replace(_, let file, _, _, _): file
        case .target, .restart, .destroy: nil
        }
    }

    /// Up to which revision the caller has seen all names of units; `nil` for a change that brings none.
    var checkedAt: Int64? {
        switch self {
        case .create(_, _, _, let revision), .replace(_, _, _, _, let revision): revision
        case .target, .restart, .destroy: nil
        }
    }

    /// The further names that the change gives the unit.
    var aliases: [UnitName] { file?.aliases(of: unit) ?? [] }

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
        if case .create(_, let file, let target, _) = self {
            if let current {
                var error = RegistryError(code: .conflict, while: action, message: "it exists already")
                error.revision = current.modRevision
                throw error
            }
            return .put(TargetEntry(hash: file.hash, target: target, restarts: 0).bytes)
        }
        guard let current else {
            throw RegistryError(code: .notFound, while: action, message: "there is no such unit")
        }
        if case .destroy = self { return .delete }
        if case .replace(_, _, _, let expected?, _) = self, expected != current.modRevision {
            throw RegistryError(
                code: .conflict,
                while: action, message: "it has changed since it was read; read it again and repeat the change")
        }
        do {
            var entry = try TargetEntry(bytes: current.value)
            switch self {
            case .create, .destroy: break
            case .replace(_, let file, let target, _, _):
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
