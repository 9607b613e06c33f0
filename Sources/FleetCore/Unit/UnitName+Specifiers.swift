// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension UnitName {
    /// `text` with fleet's specifiers replaced, as fleet does in the values of `[X-Fleet]`.
    ///
    /// In this order, one pass each over what the pass before left: `%n` the full name, `%N` the name without type (nothing
    /// is unescaped), `%p` the prefix, `%i` the instance, empty for a plain unit. Nothing else is touched; `%%` is not an
    /// escape, so `%%n` is a percent sign and the name. A name without a dot expands nothing. The other sections
    /// are systemd's to expand.
    ///
    /// - Parameters:
    ///   - text: What may hold specifiers.
    ///   - form: What becomes of a value before it is put in.
    /// - Returns: `text` with all values put in.
    package func expandingSpecifiers(in text: String, as form: (String) -> String = { $0 }) -> String {
        let percent = UInt8(ascii: "%")
        guard text.utf8.contains(percent), rawValue.utf8.contains(UInt8(ascii: ".")) else { return text }
        let values: [(UInt8, String)] = [
            (UInt8(ascii: "n"), form(rawValue)), (UInt8(ascii: "N"), form(withoutType)),
            (UInt8(ascii: "p"), form(prefix)), (UInt8(ascii: "i"), form(instance ?? "")),
        ]
        var bytes = Array(text.utf8)
        for (letter, value) in values {
            var replaced: [UInt8] = []
            var at = 0
            while at < bytes.count {
                if bytes[at] == percent, at + 1 < bytes.count, bytes[at + 1] == letter {
                    replaced += value.utf8
                    at += 2
                } else {
                    replaced.append(bytes[at])
                    at += 1
                }
            }
            bytes = replaced
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `text` as systemd reads it for this unit, as far as the unit's name decides (systemd.unit(5), "Specifiers").
    ///
    /// One pass: `%n`, `%N`, `%p`, `%i`, `%j` and, unescaped, `%P`, `%I`, `%J`; `%f` is the path that the instance, or else the
    /// prefix, stands for; `%%` is a percent sign. What depends on the machine, such as `%H`, stays as it is written.
    ///
    /// - Returns: The text, and whether nothing of it is left to a machine.
    package func systemdText(_ text: String) -> (text: String, isComplete: Bool) {
        var bytes: [UInt8] = []
        var isComplete = true
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), let letter = rest.first else {
                bytes.append(byte)
                continue
            }
            let last = prefix.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).last
            let final = last.map { String(Substring($0)) } ?? prefix
            let value: String? =
                switch Unicode.Scalar(letter) {
                case "n": rawValue
                case "N": withoutType
                case "p": prefix
                case "P": Self.unescaped(prefix)
                case "i": instance ?? ""
                case "I": Self.unescaped(instance ?? "")
                case "j": final
                case "J": Self.unescaped(final)
                case "f": Self.path(instance ?? prefix)
                case "%": "%"
                default: nil
                }
            guard let value else {
                isComplete = false
                bytes.append(byte)
                continue
            }
            rest.removeFirst()
            bytes += value.utf8
        }
        return (String(decoding: bytes, as: UTF8.self), isComplete)
    }

    private static func path(_ text: String) -> String {
        let path = unescaped(text)
        return path.utf8.first == UInt8(ascii: "/") ? path : "/" + path
    }

    /// `text` with `-` as `/` and `\xNN` as the byte (systemd-escape(1)); as it is where an escape is cut short.
    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "-"): bytes.append(UInt8(ascii: "/"))
            case UnitText.backslash:
                let digits = rest.dropFirst().prefix(2)
                guard rest.first == UInt8(ascii: "x"), digits.count == 2,
                    let value = UInt8(String(Substring(digits)), radix: 16)
                else { return text }
                bytes.append(value)
                rest = rest.dropFirst(3)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
