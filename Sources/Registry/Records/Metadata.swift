// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// What operators laid over machines' metadata.
    package static let metadata = RecordKind<MachineID, MetadataEntry>(
        "metadata/<machine>", lease: .none, agents: [], backup: .saved(.asWish, into: .ownCluster),
        events: RecordEvents(
            put: { (machine, value, _) in .metadataPut(machine, value.changes) }, gone: { .metadataGone($0) }))
}

extension RegistryKeys {
    package var metadata: KeySelector { all(Records.metadata) }
    package func metadata(_ id: MachineID) -> String { key(Records.metadata, id) }
}

/// The value of `metadata/<machine>`: what operators laid over the metadata that the machine brings along.
///
/// Every field is a label; `null` hides the machine's own label of that name.
package struct MetadataEntry: StoredRecord {
    package var changes: [String: String?]

    package init(_ changes: [String: String?]) { self.changes = changes }

    package init(_ object: JSONObject) throws(RecordError) {
        changes = [:]
        for field in object.fields {
            switch field.value {
            case .string(let text): changes[field.name] = .some(text)
            case .null: changes[field.name] = .some(nil)
            default: throw RecordError("label \(field.name) is neither a text nor null")
            }
        }
    }

    package func write(to object: inout JSONObject) {
        for (key, value) in changes.sorted(by: { $0.key < $1.key }) { object[key] = value.map { .string($0) } ?? .null }
    }
}
