// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One key of the store with its value, as of some revision.
package struct KeyValue: Hashable, Sendable {
    package var key: String
    package var value: [UInt8]
    /// Revision of the store at which the key was last created.
    package var createRevision: Int64
    /// Revision of the store at which the key was last written.
    package var modRevision: Int64
    /// Number of writes since the key was created; 1 right after creation.
    package var version: Int64
    /// Lease that the key is attached to; 0 when none.
    package var lease: LeaseID

    package init(
        key: String, value: [UInt8], createRevision: Int64, modRevision: Int64, version: Int64, lease: LeaseID = .none
    ) {
        self.key = key
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.version = version
        self.lease = lease
    }
}

/// Identity of a lease in the store.
package struct LeaseID: Hashable, Sendable, CustomStringConvertible {
    package var rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// No lease: the key stays until it is deleted.
    package static let none = LeaseID(0)

    /// Hexadecimal, as etcd's own tools print it.
    package var description: String { String(UInt64(bitPattern: rawValue), radix: 16) }
}

/// A run of keys: one key, all keys with a prefix, or all between two.
package enum KeySelector: Hashable, Sendable {
    case key(String)
    case prefix(String)
    /// From the first key on, before the last one; neither need exist. Empty unless the first comes before the last.
    case range(String, before: String)
}
