// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What the API needs of the cluster: a followed state to read, and writes that are committed when they return (rule R5).
///
/// `NodeAgent` makes it of the registry, its followed view and the engine's placement; tests keep it in memory.
package protocol ClusterAccess: Sendable {
    /// The cluster at one revision, at least as new as every write that this access has returned from.
    func state() async throws(ClusterAccessError) -> (state: ClusterState, revision: Int64)

    /// Stores a new unit; `checkedAt` is the revision of the state in which no other unit had one of its names.
    ///
    /// - Returns: The revision of the write.
    /// - Throws: `.exists` when the unit is there already, or a name may have been taken since: the newest state tells.
    func createUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64
    ) async throws(ClusterAccessError) -> Int64

    /// Gives a unit another file, as `createUnit` does.
    ///
    /// - Throws: `.missing` when there is no such unit; `.exists` when a name may have been taken since.
    func replaceUnit(
        _ name: UnitName, file: UnitFile, target: TargetState, checkedAt: Int64
    ) async throws(ClusterAccessError) -> Int64

    /// - Throws: `.missing` when there is no such unit.
    func setTarget(_ name: UnitName, to target: TargetState) async throws(ClusterAccessError) -> Int64

    /// - Throws: `.missing` when there is no such unit.
    func requestRestart(_ name: UnitName) async throws(ClusterAccessError) -> Int64

    /// - Throws: `.missing` when there is no such unit.
    func destroyUnit(_ name: UnitName) async throws(ClusterAccessError) -> Int64

    /// Lays `changes` over what the machines themselves bring along, in order; they outlive the machines' sessions.
    func patchMetadata(_ changes: [MetadataChange]) async throws(ClusterAccessError) -> Int64

    /// The present state, with no changes, and from there every change without a gap.
    ///
    /// Several changes may come as one update; one without changes stands for a state that was read anew. The stream ends by throwing when following is broken off.
    func updates() async throws(ClusterAccessError) -> AsyncThrowingStream<ClusterUpdate, any Error>

    /// Why the unit is on no machine, a rule a line, with how many machines it refused; empty when nothing stands in the way.
    func explain(_ name: UnitName) async throws(ClusterAccessError) -> [String]

    /// `nil` while requests can be served; else what is wrong, in words.
    func ready() async -> String?

    /// How old the state is that is read now; `nil` while the store confirms it.
    func staleness() async -> Staleness?
}

extension ClusterAccess {
    package func staleness() async -> Staleness? { nil }
}

/// Since when the store has not confirmed what is known of the cluster.
package struct Staleness: Hashable, Sendable {
    /// The last moment of which the known state is true, in milliseconds since 1970.
    package var asOf: Int64
    /// How long that is ago, in seconds.
    package var age: Int
    /// How long the store has not answered, in seconds; less than `age` where nobody had asked what is known when it went.
    package var silence: Int
    /// What is wrong with the store, in its client's words.
    package var reason: String

    /// - Parameters:
    ///   - asOf: The last moment of which the known state is true, in milliseconds since 1970.
    ///   - age: How long that is ago, in seconds.
    ///   - silence: How long the store has not answered, in seconds; `nil` means as long.
    ///   - reason: What is wrong with the store, in its client's words.
    package init(asOf: Int64, age: Int, silence: Int? = nil, reason: String) {
        self.asOf = asOf
        self.age = age
        self.silence = silence ?? age
        self.reason = reason
    }
}

/// One step of the followed state.
package struct ClusterUpdate: Sendable {
    /// Up to where the state contains everything.
    package var revision: Int64
    /// The state after the changes.
    package var state: ClusterState
    /// What changed, in order; none when anything may have, as after following had to start anew.
    package var changes: [ClusterEvent]
    /// Anything may have changed, beside what `changes` names.
    var replacesAll: Bool

    package init(revision: Int64, state: ClusterState, changes: [ClusterEvent] = []) {
        self.revision = revision
        self.state = state
        self.changes = changes
        self.replacesAll = changes.isEmpty
    }

    /// This update after one that nobody has looked at yet, as one.
    func merged(after earlier: ClusterUpdate) -> ClusterUpdate {
        var merged = self
        merged.changes = earlier.changes + changes
        merged.replacesAll = earlier.replacesAll || replacesAll
        return merged
    }
}

/// One change of the metadata that an operator laid over a machine's own.
package struct MetadataChange: Hashable, Sendable {
    package var machine: MachineID
    package var key: String
    /// `nil` hides the key, also where the machine itself brings it along.
    package var value: String?

    package init(machine: MachineID, key: String, value: String?) {
        self.machine = machine
        self.key = key
        self.value = value
    }
}

/// Why the cluster could not be read or written.
package enum ClusterAccessError: Error, Hashable, Sendable {
    /// The unit that was to be created exists.
    case exists
    /// The unit does not exist.
    case missing
    /// The store cannot be reached or has no quorum; the words say which.
    case unavailable(String)
    /// The store refused or the request makes no sense to it.
    case failed(String)
}
