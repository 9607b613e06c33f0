// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// What users want of units.
    package static let units = RecordKind<UnitName, TargetEntry>(
        "units/<unit>", lease: .none, agents: [], backup: .saved(.asUnit, into: .anyCluster),
        events: RecordEvents(
            put: { (name, value, entry) in
                var unit = value.unit(name)
                unit.created = Stamp(entry.createRevision)
                return .unitPut(unit)
            }, gone: { .unitGone($0) }))
}

extension RegistryKeys {
    package var units: KeySelector { all(Records.units) }
    package func unit(_ name: UnitName) -> String { key(Records.units, name) }
}
