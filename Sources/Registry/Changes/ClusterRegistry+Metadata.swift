// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// What operators lay over the metadata of machines; it outlives the machines' sessions.
extension ClusterRegistry {
    /// Sets labels of one machine, or hides them (`nil`); the machine need not be alive.
    ///
    /// - Returns: The revision at which the change is committed.
    /// - Throws: `.damaged` when the entry cannot be read; `.interfered` when others keep changing it.
    package func changeMetadata(
        of machine: MachineID, _ changes: [(key: String, value: String?)]
    ) async throws(RegistryError) -> Int64 {
        let action = "changing the metadata of machine \(machine.short)"
        let key = keys.metadata(machine)
        for _ in 0..<Self.attemptLimit {
            let found = try await entries([key], while: action)
            let current = found.entries[0]
            var entry = MetadataEntry([:])
            if let current {
                do {
                    entry = try MetadataEntry(bytes: current.value)
                } catch {
                    throw Self.damaged(key, error)
                }
            }
            for change in changes { entry.changes[change.key] = .some(change.value) }
            let bytes = entry.bytes
            if bytes == current?.value { return found.revision }
            let result = try await commit(
                Transaction(
                    if: [Comparison(key, .equal, .modRevision(current?.modRevision ?? 0))], then: [.put(key, bytes)]),
                while: action)
            if result.succeeded { return result.revision }
        }
        throw Self.interfered(action)
    }
}
