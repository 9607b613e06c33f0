// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// The turn to give a session up, which one machine of the cluster has at a time.
extension ClusterRegistry {
    /// Takes the turn, unless another machine has it; it ends by itself.
    ///
    /// - Returns: The turn's lease when it is this machine's, from a moment on that lies after the call; else `nil`.
    /// - Throws: `.otherStore` when the store has less history than was seen; `.store` when it cannot be asked.
    package func takeTurn(of machine: MachineID, seconds: Int) async throws(RegistryError) -> LeaseID? {
        let action = "taking the turn of machine \(machine.short) to give its session up"
        // Looked at first, since whoever waits asks each second, and a lease is a proposal (rule R6).
        guard try await get(.key(keys.turn), while: action).keys.isEmpty else { return nil }
        let lease: LeaseID
        do {
            lease = try await store.grantLease(ttl: seconds).lease
        } catch {
            throw RegistryError(error, while: action)
        }
        let result = try await commit(
            Transaction(
                if: [.absent(keys.turn)],
                then: [.put(key: keys.turn, value: Array(machine.rawValue.utf8), lease: lease)]), while: action)
        guard result.succeeded else {
            try? await store.revoke(lease)
            return nil
        }
        return lease
    }

    /// Gives a turn back that was not used, so that the next machine need not wait for its end.
    ///
    /// What fails is nobody's loss: the turn ends by itself.
    package func giveTurnBack(_ turn: LeaseID) async { try? await store.revoke(turn) }
}
