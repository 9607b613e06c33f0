// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension APICall {
    /// What goes over the wire as a body.
    package enum Content: Sendable {
        case nothing
        /// One value, in JSON.
        case json(any Described.Type)
        /// A list of such values, in JSON.
        case list(any Described.Type)
        /// JSON of a form that is not ours to describe, or another document's; the words say what it is.
        case document(String)
        /// One of these a line, in JSON, until either side ends it.
        case lines([any Described.Type])
        /// Server-sent events whose data are such values.
        case events(any Described.Type)

        package var isNothing: Bool { if case .nothing = self { true } else { false } }
    }

    /// One parameter of a query.
    package struct Parameter: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            case text
            /// A whole number that is not negative.
            case number
            /// Text, as often as wanted.
            case texts
            /// One of these words.
            case words([String])
        }

        package let name: String
        package let kind: Kind
        package let summary: String

        package init(_ name: String, _ kind: Kind, _ summary: String) {
            self.name = name
            self.kind = kind
            self.summary = summary
        }

        /// `true` or `false`.
        package static func flag(_ name: String, _ summary: String) -> Parameter {
            Parameter(name, .words(["true", "false"]), summary)
        }

        /// Which page of a listing.
        static let page = Parameter("nextPageToken", .text, "Which page; from the page before.")
        /// Everything at once.
        static let everything = flag(
            "all", "true asks for everything in one answer, read at one revision. Not in fleet.")
    }

    /// One way in which a call succeeds.
    package struct Answer: Sendable {
        package let status: Int
        package let summary: String
        package let content: Content
        /// Whether its head carries the store's revision that holds the write.
        package let hasRevision: Bool

        package init(_ status: Int, _ summary: String, _ content: Content = .nothing, hasRevision: Bool = false) {
            self.status = status
            self.summary = summary
            self.content = content
            self.hasRevision = hasRevision
        }
    }
}
