// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// What came of a machine's registration.
package enum RegistrationOutcome: Hashable, Sendable {
    /// The record is in the store, under the session, since this revision.
    case registered(revision: Int64)
    /// Another live machine has the same id: its record carries another token.
    case taken(by: MachineRecord)
}

/// A machine's own record.
extension ClusterRegistry {
    /// Puts a machine's record under its session, or takes its own living record up again.
    ///
    /// A record that carries the same token was written by this machine: it is brought up to date, with the fields in it
    /// that we do not know, and moved to `lease`. Any other is left alone. It is always written anew: with the revision
    /// that this returns a new tenure begins, and whatever a former one has on its way is shut out.
    ///
    /// - Throws: `.sessionLost` when the lease is gone; `.damaged` when a record is there that cannot be read.
    package func register(
        _ machine: MachineRecord, lease: LeaseID
    ) async throws(RegistryError) -> RegistrationOutcome {
        let action = "registering machine \(machine.id.short)"
        let key = keys.machine(machine.id)
        for _ in 0..<Self.attemptLimit {
            let created = try await commit(
                Transaction(
                    if: [.absent(key)], then: [.put(key: key, value: MachineEntry(machine).bytes, lease: lease)],
                    otherwise: [.get(.key(key))]), while: action)
            if created.succeeded { return .registered(revision: created.revision) }
            guard let current = try Self.found(created, count: 1, while: action)[0] else { continue }
            let (entry, bytes) = try merge(machine, into: current)
            guard entry.machine.token == machine.token else { return .taken(by: entry.machine) }
            if let revision = try await swap(current, bytes, lease, while: action) {
                return .registered(revision: revision)
            }
        }
        throw Self.interfered(action)
    }

    /// The records of all live machines that can be read, in the order of their ids.
    package func machines() async throws(RegistryError) -> [MachineRecord] {
        try await get(keys.machines, while: "reading the machines").keys.compactMap {
            try? MachineEntry(bytes: $0.value).machine
        }
    }

    /// The lease that a machine's record hangs on; `nil` when it has no session.
    package func session(of machine: MachineID) async throws(RegistryError) -> LeaseID? {
        try await get(.key(keys.machine(machine)), while: "reading machine \(machine.short)").keys.first?.lease
    }

    /// Renews a lease: the seconds it now has, or `nil` when it no longer exists.
    package func renew(_ lease: LeaseID) async throws(RegistryError) -> Int? {
        do {
            return try await store.keepAlive(lease)
        } catch {
            throw RegistryError(error, while: "renewing lease \(lease)")
        }
    }

    private func merge(
        _ machine: MachineRecord, into current: KeyValue
    ) throws(RegistryError) -> (found: MachineEntry, bytes: [UInt8]) {
        do {
            return (try MachineEntry(bytes: current.value), try MachineEntry(machine).bytes(replacing: current.value))
        } catch {
            throw Self.damaged(current.key, error)
        }
    }

    /// Puts `bytes` in the place of `current`; `nil` when that has changed meanwhile.
    private func swap(
        _ current: KeyValue, _ bytes: [UInt8], _ lease: LeaseID, while action: String
    ) async throws(RegistryError) -> Int64? {
        let result = try await commit(
            Transaction(
                if: [Comparison(current.key, .equal, .modRevision(current.modRevision))],
                then: [.put(key: current.key, value: bytes, lease: lease)]), while: action)
        return result.succeeded ? result.revision : nil
    }
}
