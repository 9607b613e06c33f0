// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The full name of a unit, such as `web.service`, the template `celix@.service` or its instance `celix@1.service`.
///
/// The type stands after the last dot, the prefix before the first `@`, the instance from there to the last dot: fleet's
/// split, so `a@b@c.service` is instance `b@c` of `a@.service`.
package struct UnitName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Most bytes that a name may have.
    ///
    /// fleet says 256, but no such unit ever ran: systemd takes 255, as do file systems, and the files that belong to a unit
    /// have up to four bytes more in their names.
    package static let lengthLimit = 251

    /// Takes the text as it is; names from outside go through `init(validating:)`.
    package init(unchecked text: String) { self.rawValue = text }

    package var description: String { rawValue }

    package static func < (left: UnitName, right: UnitName) -> Bool { left.rawValue < right.rawValue }

    /// What systemd makes of the unit; `nil` for an unchecked name without a known type.
    package var type: UnitType? { lastDot.flatMap { UnitType(rawValue: String(rawValue[after($0)...])) } }

    /// The name without dot and type: `celix@1` of `celix@1.service`; fleet's and our `%N`.
    package var withoutType: String { String(stem) }

    /// What stands before the first `@`, or the name without type if there is none; `%p`.
    package var prefix: String { String(atSign.map { stem[..<$0] } ?? stem) }

    /// What stands between the first `@` and the type: empty for a template, `nil` for a plain unit; `%i`.
    package var instance: String? { atSign.map { String(stem[after($0)...]) } }

    package var isTemplate: Bool { instance?.isEmpty ?? false }

    package var isInstance: Bool { instance.map { !$0.isEmpty } ?? false }

    /// The template of an instance or template; `nil` for a plain unit.
    package var template: UnitName? {
        atSign.map {
            UnitName(unchecked: String(rawValue[..<after($0)]) + String(lastDot.map { rawValue[$0...] } ?? ""))
        }
    }

    /// The instance `value` of this template, or of the template of this instance.
    ///
    /// - Throws: `UnitNameError` when this is a plain unit, `value` is empty, or the name it makes is none.
    package func instance(_ value: String) throws(UnitNameError) -> UnitName {
        guard let template, let atSign = template.atSign, !value.isEmpty else {
            throw UnitNameError(
                .noInstance,
                value.isEmpty
                    ? "an instance of \(rawValue) needs a name between \"@\" and the type"
                    : "\(rawValue) is no template, so it has no instance \"\(value)\"; a template is named PREFIX@.TYPE"
            )
        }
        let name = template.rawValue
        let end = template.after(atSign)
        return try UnitName(validating: String(name[..<end]) + value + String(name[end...]))
    }

    private var lastDot: String.Index? { rawValue.utf8.lastIndex(of: UInt8(ascii: ".")) }

    /// By bytes: a `Character` would take a combining mark behind the dot or `@` along.
    private func after(_ index: String.Index) -> String.Index { rawValue.utf8.index(after: index) }

    private var stem: Substring { lastDot.map { rawValue[..<$0] } ?? rawValue[...] }

    private var atSign: String.Index? { stem.utf8.firstIndex(of: UInt8(ascii: "@")) }
}
