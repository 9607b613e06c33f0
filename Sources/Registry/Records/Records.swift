// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The table of all kinds of records; each kind's own value stands in the file named by its keys' first word.
package enum Records {
    /// Every kind, in the order in which a follower of the whole cluster reads and applies them.
    ///
    /// Files come first and states after what they are of, so that whoever applies the events in order never meets a unit without its
    /// file. Of the kinds that no such follower reads the order means nothing.
    package static let all: [any AnyRecordKind] = [
        files, control, machines, metadata, units, schedule, states, operations, seen, brake, leader,
        results, stacks, aliases, turn, mark, identities, authorities, tokens, events,
    ]

    private static let byFolder = Dictionary(uniqueKeysWithValues: all.map { ($0.folder, $0) })

    /// The kind whose keys begin with a word; `nil` when this version knows none.
    static func kind(_ folder: String) -> (any AnyRecordKind)? { byFolder[folder] }
}
