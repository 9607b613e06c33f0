// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
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
/// before the machine touches systemd for a unit until after the unit is stopped. Each write compares the mod revision of
/// the state that it replaces: a request whose answer was lost may still be carried out when newer ones have been.
extension ClusterRegistry {
    /// Writes the state of each claim, if its assignment still is the one that the machine has seen.
    ///
    /// Only after a claim is granted may the machine touch systemd for the unit. Repeating a claim whose answer was lost
    /// is harmless.
    ///
    /// - Returns: For each claim, in the order given, the revision at which it is granted; `nil` when it is lost, because
    ///   the assignment has changed or is gone.
    /// - Throws: `.sessionLost` when the lease is gone or the tenure has ended.
    package func claim(_ claims: [Claim], in tenure: Tenure) async throws(RegistryError) -> [Int64?] {
        try await commit(
            guarded: claims.map { claim in
                let assignment = claim.assignment.assignment
                return GuardedWrite(
                    conditions: [
                        .init(
                            key: keys.assignment(assignment.machine, assignment.unit),
                            modRevision: claim.assignment.modRevision),
                        // A state may be there already: an earlier claim's, or a former session's.
                        .init(
                            key: keys.state(claim.state.machine, claim.state.unit), modRevision: 0,
                            otherwise: .followOrCreate),
                    ], operation: put(claim.state, tenure.lease))
            }, in: tenure, while: "claiming \(claims.count) units")
    }

    /// Brings states up to date that were claimed before.
    ///
    /// A state that is not in the store is not written: it would be a claim without an assignment, for instance by a
    /// late copy of a request that arrives after the unit was stopped and its state withdrawn. One batch at a time: of two
    /// on their way at once either may win.
    ///
    /// - Parameters:
    ///   - states: What is to be said.
    ///   - known: At which mod revisions the states lie in the store, as the answer to the last claim or publication told;
    ///     a state for which it is not known, because an answer was lost, is looked up first.
    ///   - tenure: The present run of the agent.
    /// - Returns: For each state, in the order given, its mod revision from now on; `nil` when it was not there.
    /// - Throws: `.sessionLost` when the lease is gone or the tenure has ended.
    package func publish(
        _ states: [UnitState], over known: [UnitName: Int64], in tenure: Tenure
    ) async throws(RegistryError) -> [Int64?] {
        try await commit(
            guarded: states.map { state in
                GuardedWrite(
                    conditions: [
                        .init(
                            key: keys.state(state.machine, state.unit),
                            modRevision: known[state.unit] ?? GuardedWrite.Condition.unknown, otherwise: .follow)
                    ], operation: put(state, tenure.lease))
            }, in: tenure, while: "publishing \(states.count) unit states")
    }

    /// Deletes the states of units that are stopped and gone from the machine; one that is not there is no error.
    ///
    /// Each deletion is conditional on the entry's mod revision, so that a late copy of the request cannot take away a
    /// newer claim of the same unit.
    ///
    /// - Throws: `.sessionLost` when the tenure has ended.
    package func withdrawStates(_ units: [UnitName], in tenure: Tenure) async throws(RegistryError) {
        let action = "withdrawing \(units.count) unit states"
        var open = units.map { keys.state(tenure.machine, $0) }
        for _ in 0..<Self.attemptLimit where !open.isEmpty {
            let found = try await entries(open, while: action).entries.compactMap { $0 }
            let revisions = try await commit(
                guarded: found.map {
                    GuardedWrite(
                        conditions: [.init(key: $0.key, modRevision: $0.modRevision)], operation: .delete(.key($0.key)))
                }, in: tenure, while: action)
            open = zip(found, revisions).filter { $1 == nil }.map(\.0.key)
        }
        if !open.isEmpty { throw Self.interfered(action) }
    }

    /// Tries whether the store takes what the machine writes of its units; nothing changes.
    ///
    /// - Throws: What the writing of a state would throw.
    package func tryStates(in tenure: Tenure) async throws(RegistryError) {
        // No unit has such a name, so there is nothing to delete; the right to do so is asked for all the same.
        let key = keys.state(tenure.machine, UnitName(unchecked: "none"))
        _ = try await commit(
            guarded: [
                GuardedWrite(conditions: [.init(key: key, modRevision: 0)], operation: .delete(.key(key)))
            ], in: tenure, while: "trying to write unit states")
    }

    /// The states that the store holds of one machine under its present session: what a restarted agent has claimed.
    ///
    /// Those of a former session are about to vanish and count for nothing.
    ///
    /// - Returns: The states, at which mod revisions they lie in the store, and what could not be read.
    package func readOwnStates(
        in tenure: Tenure
    ) async throws(RegistryError) -> (
        states: [UnitState], modRevisions: [UnitName: Int64], problems: [RegistryProblem]
    ) {
        let machine = tenure.machine
        let found = try await get(keys.states(of: machine), while: "reading the states of machine \(machine.short)")
        var states: [UnitState] = []
        var modRevisions: [UnitName: Int64] = [:]
        var problems: [RegistryProblem] = []
        for entry in found.keys where entry.lease == tenure.lease {
            guard let unit = keys.name(of: entry.key, Records.states)?.unit else {
                problems.append(.unknownKey(entry.key))
                continue
            }
            do {
                states.append(try StateEntry(bytes: entry.value).state(machine, unit))
                modRevisions[unit] = entry.modRevision
            } catch {
                problems.append(RegistryProblem(key: entry.key, reason: error.reason))
            }
        }
        return (states, modRevisions, problems)
    }

    private func put(_ state: UnitState, _ lease: LeaseID) -> Operation {
        .put(key: keys.state(state.machine, state.unit), value: StateEntry(state).bytes, lease: lease)
    }
}
