// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The few colours that mean something: they repeat what the words say, and never replace them.
package enum Style: String, Sendable {
    case good = "32"
    case bad = "31"
    case pending = "33"
    case faint = "2"

    /// `text` in this style, or plain where colours are off.
    package func applied(to text: String, if enabled: Bool) -> String {
        enabled && !text.isEmpty ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }

    /// The style of one of systemd's ActiveState words.
    package static func ofActive(_ word: String) -> Style? {
        switch word {
        case "active": .good
        case "failed": .bad
        case "activating", "deactivating", "reloading": .pending
        default: nil
        }
    }
}
