// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension UnitName {
    /// `text` with fleet's specifiers replaced, as fleet does in the values of `[X-Fleet]`.
    ///
    /// In this order, one pass each over what the pass before left: `%n` the full name, `%N` the name without type (nothing
    /// is unescaped), `%p` the prefix, `%i` the instance, empty for a plain unit. Nothing else is touched; `%%` is not an
    /// escape, so `%%n` is a percent sign and the name. A name without a dot expands nothing. The other sections
    /// are systemd's to expand.
    package func expandingSpecifiers(in text: String) -> String {
        let percent = UInt8(ascii: "%")
        guard text.utf8.contains(percent), rawValue.utf8.contains(UInt8(ascii: ".")) else { return text }
        let values: [(UInt8, String)] = [
            (UInt8(ascii: "n"), rawValue), (UInt8(ascii: "N"), withoutType), (UInt8(ascii: "p"), prefix),
            (UInt8(ascii: "i"), instance ?? ""),
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
}
