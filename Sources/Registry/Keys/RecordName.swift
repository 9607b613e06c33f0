// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

/// What tells the records of one kind apart: what stands in a key behind the kind's first word.
package protocol RecordName: Sendable {
    /// Reads what stands behind the first word and its slash; `nil` when it is no such name.
    init?(tail: Substring)

    /// What stands in the key.
    var tail: String { get }

    /// What the names of all that is one machine's begin with: a whole name, or a part that ends in a slash.
    ///
    /// - Returns: `nil` where names do not say whose the records are.
    static func tail(of machine: MachineID) -> String?
}

extension RecordName {
    package static func tail(of machine: MachineID) -> String? { nil }
}

/// No name: there is one record of the kind at most, and its key is the first word alone.
package struct NoName: RecordName {
    package init?(tail: Substring) {
        guard tail.isEmpty else { return nil }
    }

    package var tail: String { "" }
}

/// Any text.
package struct FreeName: RecordName {
    package let tail: String

    package init(_ text: String) { tail = text }

    package init?(tail: Substring) { self.tail = String(tail) }
}

extension ContentHash: RecordName {
    package init?(tail: Substring) { self.init(String(tail)) }

    package var tail: String { rawValue }
}

extension UnitName: RecordName {
    package init?(tail: Substring) {
        guard let name = try? UnitName(recorded: String(tail)) else { return nil }
        self = name
    }

    package var tail: String { rawValue }
}

extension MachineID: RecordName {
    package init?(tail: Substring) { self.init(String(tail)) }

    package var tail: String { rawValue }

    package static func tail(of machine: MachineID) -> String? { machine.rawValue }
}

/// A unit on a machine.
package struct PlacedUnit: RecordName, Hashable {
    package let machine: MachineID
    package let unit: UnitName

    package init(_ machine: MachineID, _ unit: UnitName) {
        self.machine = machine
        self.unit = unit
    }

    package init?(tail: Substring) {
        let bytes = tail.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")), let machine = MachineID(tail: tail[..<slash]),
            let unit = UnitName(tail: tail[bytes.index(after: slash)...])
        else { return nil }
        self.init(machine, unit)
    }

    package var tail: String { "\(machine.rawValue)/\(unit.rawValue)" }

    package static func tail(of machine: MachineID) -> String? { "\(machine.rawValue)/" }
}
