// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One change that a watch reports.
package enum WatchEvent: Hashable, Sendable {
    case put(KeyValue)
    /// `modRevision` is the revision of the deletion.
    case delete(key: String, modRevision: Int64)

    package var key: String {
        switch self {
        case .put(let pair): pair.key
        case .delete(let key, _): key
        }
    }

    /// Revision of the change.
    package var modRevision: Int64 {
        switch self {
        case .put(let pair): pair.modRevision
        case .delete(_, let modRevision): modRevision
        }
    }
}

/// All changes of one revision, never split over two batches.
package struct WatchBatch: Hashable, Sendable {
    /// Everything up to and including this revision has been seen once the batch has been handled.
    ///
    /// A batch without events
    /// only says that the store has reached the revision.
    package var revision: Int64
    package var events: [WatchEvent]

    package init(revision: Int64, events: [WatchEvent]) {
        self.revision = revision
        self.events = events
    }
}
