// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The way from a unit's name to its D-Bus object and back.
///
/// - Source: systemd 252, `unit_dbus_path_from_name` and `bus_label_escape`: ASCII letters and digits stay, except a digit
///   in front; every other byte becomes `_` and two lower-case hexadecimal digits; the empty name is a single `_`.
package enum UnitPath {
    private static let prefix = "/org/freedesktop/systemd1/unit/"
    private static let digits = Array("0123456789abcdef".utf8)

    /// The object path of a unit, such as `/org/freedesktop/systemd1/unit/web_2eservice`.
    package static func path(of unit: String) -> String {
        guard !unit.isEmpty else { return prefix + "_" }
        var bytes = Array(prefix.utf8)
        for (index, byte) in unit.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                bytes.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9") where index > 0:
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "_"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The unit that an object path stands for; `nil` when it is not the path of a unit.
    package static func unit(at path: String) -> String? {
        guard path.hasPrefix(prefix) else { return nil }
        let label = Array(path.utf8.dropFirst(prefix.utf8.count))
        if label == [UInt8(ascii: "_")] { return "" }
        guard !label.isEmpty else { return nil }
        var bytes: [UInt8] = []
        var index = 0
        while index < label.count {
            switch label[index] {
            case UInt8(ascii: "_"):
                guard index + 2 < label.count, let high = value(label[index + 1]), let low = value(label[index + 2])
                else {
                    return nil
                }
                bytes.append(high << 4 | low)
                index += 3
            case UInt8(ascii: "/"):
                return nil
            case let byte:
                bytes.append(byte)
                index += 1
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The word of D-Bus for the unit's type: `Service` of `web.service`; `nil` for a name without a suffix.
    static func type(of unit: String) -> String? {
        guard let dot = unit.lastIndex(of: ".") else { return nil }
        let suffix = unit[unit.index(after: dot)...]
        return suffix.prefix(1).uppercased() + suffix.dropFirst()
    }

    /// The interface that goes with the unit's type.
    static func interface(of unit: String) -> String? { type(of: unit).map { "org.freedesktop.systemd1." + $0 } }

    private static func value(_ digit: UInt8) -> UInt8? { digits.firstIndex(of: digit).map { UInt8($0) } }
}
