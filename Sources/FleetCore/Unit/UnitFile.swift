// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The text of a systemd unit, with every line kept, and what it says.
package struct UnitFile: Hashable, Sendable {
    /// The text as its author wrote it.
    package let text: String

    package init(text: String) { self.text = text }
}
