// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// When the store took a record in, by its own count of revisions; 0 when that is not known.
///
/// It is no part of what the record says: records that differ in it alone are equal.
package struct Stamp: Hashable, Sendable {
    package var revision: Int64

    package init(_ revision: Int64 = 0) { self.revision = revision }

    package static func == (_: Stamp, _: Stamp) -> Bool { true }

    package func hash(into _: inout Hasher) {}
}
