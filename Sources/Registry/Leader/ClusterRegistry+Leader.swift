// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// Who leads.
extension ClusterRegistry {
    /// Tries to become leader under the machine's session.
    ///
    /// - Returns: The leadership, also when this lease holds it already because an earlier answer was lost; `nil` when
    ///   someone else leads.
    /// - Throws: `.sessionLost` when the lease is gone.
    package func campaign(machine: MachineID, lease: LeaseID) async throws(RegistryError) -> Leadership? {
        let action = "campaigning for leadership"
        let entry = LeaderEntry(machine: machine)
        let result = try await commit(
            Transaction(
                if: [.absent(keys.leader)], then: [.put(key: keys.leader, value: entry.bytes, lease: lease)],
                otherwise: [.get(.key(keys.leader))]), while: action)
        if result.succeeded { return Leadership(machine: machine, epoch: result.revision) }
        guard let current = try Self.found(result, count: 1, while: action)[0], current.lease == lease,
            (try? LeaderEntry(bytes: current.value)) == entry
        else { return nil }
        return Leadership(machine: machine, epoch: current.createRevision)
    }

    /// Who leads now; `nil` when nobody does.
    ///
    /// - Throws: `.damaged` when the entry cannot be read: someone leads, but it is not known who.
    package func currentLeader() async throws(RegistryError) -> Leadership? {
        let found = try await get(.key(keys.leader), while: "reading the leader")
        guard let entry = found.keys.first else { return nil }
        do {
            return Leadership(machine: try LeaderEntry(bytes: entry.value).machine, epoch: entry.createRevision)
        } catch {
            throw Self.damaged(entry.key, error)
        }
    }

    /// Gives leadership up, if it is still held: others campaign at once.
    package func resign(_ leadership: Leadership) async throws(RegistryError) {
        _ = try await commit(
            Transaction(if: [guarding(leadership)], then: [.delete(.key(keys.leader))]), while: "resigning")
    }

    /// What every write of a leader is conditional on (rule R2).
    func guarding(_ leadership: Leadership) -> Comparison {
        Comparison(keys.leader, .equal, .createRevision(leadership.epoch))
    }

    static func deposed(_ leadership: Leadership, while action: String) -> RegistryError {
        RegistryError(
            code: .deposed, while: action, message: "machine \(leadership.machine.short) no longer leads")
    }
}
