// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One assignment in a unit file, in fleet's model.
///
/// `value` is trimmed; a continued value keeps its backslashes, newlines and what stands between them.
package struct UnitOption: Hashable, Sendable, CustomStringConvertible {
    package var section: String
    package var name: String
    package var value: String

    package init(section: String, name: String, value: String) {
        self.section = section
        self.name = name
        self.value = value
    }

    package var description: String { "[\(section)] \(name)=\(value)" }

    /// Unit text of `options` in fleet's canonical form, whose SHA-1 is the unit's hash.
    ///
    /// Sections stand in the order in which they are first seen, each with all of its options in their order, one blank
    /// line between sections.
    package static func canonicalText(of options: some Sequence<UnitOption>) -> String {
        var order: [String] = []
        var bodies: [String: String] = [:]
        for option in options {
            if bodies[option.section] == nil { order.append(option.section) }
            // One append, since each looks the section up again.
            bodies[option.section, default: ""] += option.name + "=" + option.value + "\n"
        }
        return order.map { "[\($0)]\n" + bodies[$0, default: ""] }.joined(separator: "\n")
    }
}
