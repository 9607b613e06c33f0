// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a text is no unit's name.
package struct UnitNameError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        case empty, tooLong, missingType, unknownType, badCharacter, startsWithAt, typeWithoutInstances, noInstance
        case noPrefix, badSlice
    }

    package let code: Code
    /// What is wrong and what is allowed, in one line.
    package let message: String
    /// A name does not mend itself.
    package var isTransient: Bool { false }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

extension UnitName {
    /// Accepts the names that fleet's API and systemd both accept: the rule for what users submit.
    ///
    /// - Throws: `UnitNameError` as `init(recorded:)`, for a name that is all type, and for a slice whose dashes name no place
    ///   in the tree of slices (`unit_name_is_valid` and `slice_name_is_valid` of systemd 252).
    package init(validating text: String) throws(UnitNameError) {
        try self.init(recorded: text)
        let shown = UnitFileError.quoted(text)
        guard !withoutType.isEmpty else {
            throw UnitNameError(
                .noPrefix, "the unit name \(shown) is a type alone; something must stand before the dot")
        }
        // The root of the tree, -.slice, is a good name, though none that anybody may submit.
        guard type == .slice, withoutType != "-" else { return }
        let parts = withoutType.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty }) else {
            throw UnitNameError(
                .badSlice,
                "the unit name \(shown) is no slice's: a dash parts a slice from the one that it lies in, as in "
                    + "web-front.slice, so none may stand first, last or beside another")
        }
    }

    /// Accepts the names that fleet's API accepts, which a cluster may have stored.
    ///
    /// - Throws: `UnitNameError` for an empty name, one of over `lengthLimit` bytes, a missing or unknown type, a character
    ///   outside of `0-9 A-Z a-z : - _ . \ @`, a leading `@`, and for an `@` with a type that has no instances.
    package init(recorded text: String) throws(UnitNameError) {
        let name = UnitName(unchecked: text)
        let shown = UnitFileError.quoted(text)
        guard !text.isEmpty else {
            throw UnitNameError(.empty, "a unit's name is empty; it has the form NAME.TYPE, such as web.service")
        }
        guard text.utf8.count <= Self.lengthLimit else {
            throw UnitNameError(
                .tooLong, "the unit name \(shown) has \(text.utf8.count) bytes; at most \(Self.lengthLimit) are allowed"
            )
        }
        guard text.utf8.contains(UInt8(ascii: ".")), text.utf8.last != UInt8(ascii: ".") else {
            throw UnitNameError(
                .missingType, "the unit name \(shown) has no type; write NAME.TYPE, such as web.service")
        }
        guard let type = name.type else {
            throw UnitNameError(
                .unknownType, "the unit name \(shown) has an unknown type; known are \(Self.list(UnitType.allCases))")
        }
        if let bad = name.withoutType.unicodeScalars.first(where: { !Self.isAllowed($0) }) {
            throw UnitNameError(
                .badCharacter,
                "the unit name \(shown) holds \(UnitFileError.quoted(String(bad))); "
                    + "allowed are letters and digits of ASCII and : - _ . \\ @")
        }
        guard text.utf8.first != UInt8(ascii: "@") else {
            throw UnitNameError(
                .startsWithAt, "the unit name \(shown) starts with \"@\"; a prefix must stand before it")
        }
        guard name.instance == nil || type.allowsInstances else {
            throw UnitNameError(
                .typeWithoutInstances,
                "the unit name \(shown) holds \"@\", but a \(type.rawValue) has no instances; these types have: "
                    + Self.list(UnitType.allCases.filter(\.allowsInstances)))
        }
        self = name
    }

    /// The unit that a command's argument means: `.service` is added unless the argument ends in a type.
    ///
    /// Broader than fleet, whose client knows seven types here and makes `x.target.service` of `x.target`. A command may be
    /// about a unit that was stored before names were checked as now.
    ///
    /// - Throws: `UnitNameError` as `init(recorded:)`.
    package static func completed(_ argument: String) throws(UnitNameError) -> UnitName {
        let hasType = argument.isEmpty || UnitName(unchecked: argument).type != nil
        return try UnitName(recorded: hasType ? argument : argument + ".service")
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "0"..."9", "A"..."Z", "a"..."z", ":", "-", "_", ".", "\\", "@": true
        default: false
        }
    }

    private static func list(_ types: [UnitType]) -> String { types.map(\.rawValue).joined(separator: " ") }
}
