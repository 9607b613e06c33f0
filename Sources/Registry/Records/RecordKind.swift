// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// A kind of record in etcd, with all that there is to say of it; its value stands in a file of its own, named by its key's first word.
///
/// Keys, following, backups and etcd's rights are made of this. Nothing has a default, so that no kind lacks a word on it.
package struct RecordKind<Name: RecordName, Value: Sendable>: AnyRecordKind {
    package let pattern: String
    package let folder: String
    package let lease: RecordLease
    package let agents: [AgentRight]
    package let backup: RecordBackup
    /// What a value says; it is refused, with words, when it is not what its key promises.
    let read: @Sendable (Name, [UInt8]) throws(RecordError) -> Value
    let events: RecordEvents<Name, Value>?

    /// - Parameters:
    ///   - pattern: The keys behind the cluster's prefix, as documents show them: `units/<unit>`.
    ///   - lease: What the records hang on.
    ///   - agents: What an agent that hosts neither engine nor API may do; who hosts one works with all keys.
    ///   - backup: Whether a backup has the records, and how they come back.
    ///   - events: What changes mean to who follows the whole cluster; `nil` where such a follower passes them over.
    ///   - read: Reads a value.
    init(
        _ pattern: String, lease: RecordLease, agents: [AgentRight], backup: RecordBackup,
        events: RecordEvents<Name, Value>?,
        read: @escaping @Sendable (Name, [UInt8]) throws(RecordError) -> Value
    ) {
        self.pattern = pattern
        folder = String(pattern.prefix { $0 != "/" })
        self.lease = lease
        self.agents = agents
        self.backup = backup
        self.events = events
        self.read = read
    }
}

extension RecordKind where Value: StoredRecord {
    /// A kind whose values say nothing of their keys.
    init(
        _ pattern: String, lease: RecordLease, agents: [AgentRight], backup: RecordBackup,
        events: RecordEvents<Name, Value>?
    ) {
        self.init(pattern, lease: lease, agents: agents, backup: backup, events: events) {
            (_, bytes) throws(RecordError) in try Value(bytes: bytes)
        }
    }
}

extension RecordKind where Value == [UInt8] {
    /// A kind whose values nobody reads through this table: that a record is there, or since when, is all that counts.
    init(
        _ pattern: String, lease: RecordLease, agents: [AgentRight], backup: RecordBackup,
        events: RecordEvents<Name, Value>?
    ) {
        self.init(pattern, lease: lease, agents: agents, backup: backup, events: events) { (_, bytes) in bytes }
    }
}

/// What changes of a kind's records mean to who follows the whole cluster.
struct RecordEvents<Name: RecordName, Value: Sendable>: Sendable {
    /// The entry is for its revisions.
    let put: @Sendable (Name, Value, KeyValue) -> ClusterEvent
    let gone: @Sendable (Name) -> ClusterEvent
}

/// What a record hangs on.
package enum RecordLease: String, Hashable, Sendable {
    /// It stays until it is deleted.
    case none = "no"
    /// The session of the machine that wrote it.
    case session
    /// A lease that is made for it, or for some of its kind.
    case own
}

/// What an agent may do with records of a kind, by itself or through a gate.
package struct AgentRight: Hashable, Sendable {
    package enum Scope: String, Hashable, Sendable {
        /// Those whose keys name the machine.
        case own
        case all
    }

    package let access: EtcdPermission.Access
    package let scope: Scope

    static func read(_ scope: Scope) -> AgentRight { AgentRight(access: .read, scope: scope) }
    static func readAndWrite(_ scope: Scope) -> AgentRight { AgentRight(access: .readWrite, scope: scope) }
}

/// Whether a backup has the records of a kind, and how they come back.
package enum RecordBackup: Hashable, Sendable {
    /// They are no part of what users want, or must not come back.
    case left
    /// - `into`: Which clusters they may come into.
    case saved(RecordRestoring, into: RecordScope)

    /// How they come back; `nil` when they do not.
    var restoring: RecordRestoring? {
        if case .saved(let restoring, _) = self { restoring } else { nil }
    }

    /// Whether a cluster that has such a record wants something already.
    var isWish: Bool { restoring == .asUnit || restoring == .asWish }

    var isForAnyCluster: Bool { if case .saved(_, .anyCluster) = self { true } else { false } }
}

/// Which clusters the records of a backup may come into.
package enum RecordScope: Hashable, Sendable {
    /// They are about units, and mean the same everywhere.
    case anyCluster
    /// They are about users and machines, who are strangers elsewhere.
    case ownCluster
}

/// How the records of a kind come back out of a backup.
package enum RecordRestoring: Hashable, Sendable {
    /// Before all others, which name them.
    case first
    /// With what else must change in the same moment.
    case asUnit
    /// With their unit alone.
    case withUnit
    /// As they are.
    case asWish
    /// Where the cluster has none: what it has is newer.
    case ifAbsent
}

/// A kind of record, whatever its names and values are.
package protocol AnyRecordKind: Sendable {
    /// Its keys as documents show them.
    var pattern: String { get }
    /// What comes before the first slash of its keys.
    var folder: String { get }
    var lease: RecordLease { get }
    var agents: [AgentRight] { get }
    var backup: RecordBackup { get }
    /// Whether there is one record at most, whose key is the folder's name.
    var isSingle: Bool { get }
    /// Whether who follows the whole cluster reads it.
    var isFollowed: Bool { get }

    /// What the names of a machine's own records begin with; see `RecordName`.
    func tail(of machine: MachineID) -> String?

    /// What it means that `entry` was written at `tail`; `nil` when followers pass this kind over.
    ///
    /// - Throws: What is wrong with the name or the value.
    func put(_ entry: KeyValue, at tail: Substring) throws(RecordError) -> ClusterEvent?

    /// What it means that the record at `tail` is gone; `nil` when followers pass this kind over, or there can be none.
    func gone(_ tail: Substring) -> ClusterEvent?

    /// Makes sure that a backup's value is one of this kind.
    ///
    /// - Throws: What is wrong with the name or the value.
    func check(_ value: [UInt8], at tail: Substring) throws(RecordError)
}

extension RecordKind {
    package var isSingle: Bool { Name.self == NoName.self }

    package var isFollowed: Bool { events != nil }

    package func tail(of machine: MachineID) -> String? { Name.tail(of: machine) }

    package func put(_ entry: KeyValue, at tail: Substring) throws(RecordError) -> ClusterEvent? {
        guard let events else { return nil }
        guard let name = Name(tail: tail) else { throw RecordError.unknownKey }
        return events.put(name, try read(name, entry.value), entry)
    }

    package func gone(_ tail: Substring) -> ClusterEvent? {
        guard let events, let name = Name(tail: tail) else { return nil }
        return events.gone(name)
    }

    package func check(_ value: [UInt8], at tail: Substring) throws(RecordError) {
        guard let name = Name(tail: tail) else { throw RecordError("its key is none of a cluster's") }
        _ = try read(name, value)
    }
}
