// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The full name of a unit, such as `web.service`, the template `celix@.service` or its instance `celix@1.service`.
package struct UnitName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Takes the text as it is; names from outside go through `init(validating:)`.
    package init(unchecked text: String) { self.rawValue = text }

    package var description: String { rawValue }

    package static func < (left: UnitName, right: UnitName) -> Bool { left.rawValue < right.rawValue }
}
