// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// Following: a snapshot, then every change from that revision on.
///
/// A stream ends by throwing a `RegistryError` when going on is pointless, and quietly when its consumer's task is
/// cancelled. Transient failures of the store are retried within and reported as `.disconnected`, then `.reconnected`.
extension ClusterRegistry {
    /// The whole cluster: for the leader, and for an API server that a client is using; others follow less.
    package func follow() -> AsyncThrowingStream<ClusterUpdate, any Error> {
        let parts = Records.all.filter(\.isFollowed).map(keys.all)
        return Follower(
            store: store, parts: parts, watched: keys.everything, firstPause: firstPause, clockwork: clockwork
        )
        .stream(ClusterDecoder(keys: keys))
    }

    /// The assignments of one machine: all that its agent watches.
    package func followMachine(_ machine: MachineID) -> AsyncThrowingStream<MachineUpdate, any Error> {
        let selector = keys.assignments(of: machine)
        return Follower(
            store: store, parts: [selector], watched: selector, firstPause: firstPause, clockwork: clockwork
        )
        .stream(MachineDecoder(keys: keys))
    }

    /// One machine's own record, as it is now and after every change.
    package func followOwnRecord(of machine: MachineID) -> AsyncThrowingStream<OwnRecordUpdate, any Error> {
        let key = keys.machine(machine)
        return Follower(
            store: store, parts: [.key(key)], watched: .key(key), firstPause: firstPause, clockwork: clockwork
        )
        .stream(OwnRecordDecoder())
    }

    /// Who leads: all that an engine watches while it does not lead.
    package func followLeader() -> AsyncThrowingStream<LeaderUpdate, any Error> {
        Follower(
            store: store, parts: [.key(keys.leader)], watched: .key(keys.leader), firstPause: firstPause,
            clockwork: clockwork
        ).stream(LeaderDecoder())
    }
}
