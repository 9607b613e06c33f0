// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What the API's document says of a field beside its type, which it has from the field itself.
package struct FieldNote: Hashable, Sendable, ExpressibleByStringLiteral {
    package var words: String
    /// What it may hold; empty for anything of its type.
    package var choices: [String] = []
    /// Whether only answers have it.
    package var isReadOnly = false

    package init(stringLiteral words: String) { self.words = words }

    static func one(of choices: [String], _ words: FieldNote) -> FieldNote {
        var note = words
        note.choices = choices
        return note
    }

    static func readOnly(_ note: FieldNote) -> FieldNote {
        var note = note
        note.isReadOnly = true
        return note
    }
}

/// An entity of the wire that the API's document describes.
package protocol Described: Codable, Sendable {
    /// A note for each field; a test sees that none is missing and none is too much.
    static var notes: [String: FieldNote] { get }
}

extension FieldNote {
    static let moment: FieldNote = "Milliseconds since 1970."
    static let machineID: FieldNote = "A machine's id."
    static let page: FieldNote = "What to ask the next page with; left out on the last page."
    static let targets = ["inactive", "loaded", "launched"]
}
