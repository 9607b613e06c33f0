// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// An assignment as it stands in the store.
package struct StoredAssignment: Hashable, Sendable {
    package var assignment: Assignment
    /// Mod revision of the entry: a machine that acts on it proves with this number that it acts on the newest.
    package var modRevision: Int64

    package init(_ assignment: Assignment, modRevision: Int64) {
        self.assignment = assignment
        self.modRevision = modRevision
    }
}

/// A machine's wish to act on an assignment, with the state that it is to show from then on.
package struct Claim: Hashable, Sendable {
    package var assignment: StoredAssignment
    package var state: UnitState

    package init(_ assignment: StoredAssignment, state: UnitState) {
        self.assignment = assignment
        self.state = state
    }
}

/// What a machine reports of its units.
///
/// All of it hangs on the machine's session. The three functions together keep rule R1's word: a state is there from
/// before the machine touches systemd for a unit until after the unit is stopped.
extension ClusterRegistry {
    /// Writes the state of each claim, if its assignment still is the one that the machine has seen.
    ///
    /// Only after a claim is granted may the machine touch systemd for the unit. Repeating a claim whose answer was lost
    /// is harmless.
    ///
    /// - Returns: For each claim, in the order given, the revision at which it is granted; `nil` when it is lost, because
    ///   the assignment has changed or is gone.
    /// - Throws: `.sessionLost` when the lease is gone.
    package func claim(_ claims: [Claim], lease: LeaseID) async throws(RegistryError) -> [Int64?] {
        try await commit(
            guarded: claims.map { claim in
                let assignment = claim.assignment.assignment
                return GuardedWrite(
                    key: keys.assignment(assignment.machine, assignment.unit),
                    modRevision: claim.assignment.modRevision, operation: put(claim.state, lease))
            }, while: "claiming \(claims.count) units")
    }

    /// Brings states up to date that were claimed before.
    ///
    /// A state that is not in the store is not written: it would be a claim without an assignment, for instance by a
    /// late copy of a request that arrives after the unit was stopped and its state withdrawn.
    ///
    /// - Returns: The units whose states were not there, in the order given.
    /// - Throws: `.sessionLost` when the lease is gone.
    @discardableResult
    package func publish(_ states: [UnitState], lease: LeaseID) async throws(RegistryError) -> [UnitName] {
        let revisions = try await commit(
            guarded: states.map {
                GuardedWrite(key: keys.state($0.machine, $0.unit), modRevision: nil, operation: put($0, lease))
            }, while: "publishing \(states.count) unit states")
        return zip(states, revisions).filter { $1 == nil }.map(\.0.unit)
    }

    /// Deletes the states of units that are stopped and gone from the machine; one that is not there is no error.
    ///
    /// Each deletion is conditional on the entry's mod revision, so that a late copy of the request cannot take away a
    /// newer claim of the same unit.
    package func withdrawStates(_ units: [UnitName], machine: MachineID) async throws(RegistryError) {
        let action = "withdrawing \(units.count) unit states"
        var open = units.map { keys.state(machine, $0) }
        for _ in 0..<Self.attemptLimit where !open.isEmpty {
            let found = try await entries(open, while: action).entries.compactMap { $0 }
            let revisions = try await commit(
                guarded: found.map {
                    GuardedWrite(key: $0.key, modRevision: $0.modRevision, operation: .delete(.key($0.key)))
                }, while: action)
            open = zip(found, revisions).filter { $1 == nil }.map(\.0.key)
        }
        if !open.isEmpty { throw Self.interfered(action) }
    }

    /// The states that the store holds of one machine under `lease`, by unit: what a restarted agent has claimed.
    ///
    /// States that a former session of the machine left behind are no claims: they vanish with that session's lease, which
    /// may outlive it by far, and they tell of units that were fenced since.
    package func readOwnStates(
        _ machine: MachineID, lease: LeaseID
    ) async throws(RegistryError) -> (states: [UnitState], problems: [RegistryProblem], revision: Int64) {
        let found = try await get(keys.states(of: machine), while: "reading the states of machine \(machine.short)")
        var states: [UnitState] = []
        var problems: [RegistryProblem] = []
        for entry in found.keys {
            guard case .state(_, let unit)? = keys.parse(entry.key) else {
                problems.append(.unknownKey(entry.key))
                continue
            }
            do {
                let state = try StateEntry(bytes: entry.value).state(machine, unit)
                if entry.lease == lease { states.append(state) }
            } catch {
                problems.append(RegistryProblem(key: entry.key, reason: error.reason))
            }
        }
        return (states, problems, found.revision)
    }

    private func put(_ state: UnitState, _ lease: LeaseID) -> Operation {
        .put(key: keys.state(state.machine, state.unit), value: StateEntry(state).bytes, lease: lease)
    }
}
