// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// What a follower of the whole cluster is told, in order and without gaps.
package enum ClusterUpdate: Hashable, Sendable {
    /// Everything the store holds at `revision`; replaces all that was known.
    ///
    /// Comes first, and again whenever changes were
    /// missed because the store had compacted them.
    case snapshot([ClusterEvent], revision: Int64, problems: [RegistryProblem])
    /// The changes up to and including `revision`; may be empty. `problems` are all that stand now, by key.
    case changes([ClusterEvent], revision: Int64, problems: [RegistryProblem])
    /// The store cannot be reached: what is known grows stale until `.reconnected`.
    case disconnected(EtcdError)
    /// The store answers again; the changes made meanwhile follow.
    case reconnected
}

/// What a machine is told of its own assignments, in order and without gaps.
package enum MachineUpdate: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        case put(StoredAssignment)
        case gone(UnitName)
    }

    /// All assignments of the machine at `revision`; what is not among them is gone.
    ///
    /// An entry that cannot be read is
    /// among the problems: it exists, so its unit is not to be stopped.
    case snapshot([StoredAssignment], revision: Int64, problems: [RegistryProblem])
    case changes([Change], revision: Int64, problems: [RegistryProblem])
    case disconnected(EtcdError)
    case reconnected
}

/// What a machine is told of its own record.
package enum OwnRecordUpdate: Hashable, Sendable {
    /// The record is there since `revision`, with this token; `nil` when it cannot be read.
    case present(token: String?, revision: Int64)
    /// There is none as of `revision`.
    case absent(revision: Int64)
}

/// What an engine that does not lead is told of who does.
package enum LeaderUpdate: Hashable, Sendable {
    /// Who leads as of `revision`; `nil` when nobody does: time to campaign.
    case leader(Leadership?, revision: Int64)
    /// Someone leads, but the entry cannot be read.
    case unreadable(RegistryProblem)
    case disconnected(EtcdError)
    case reconnected
}
