// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// One pair of a machine's metadata: what may be given to a machine by tokens, by the API and by the command line.
///
/// It has to stand in the settings file that joining writes, in an option `MachineMetadata=`, and in the API's path of a key.
/// Settings that somebody writes by hand may hold more; those pairs are none of the cluster's giving.
package enum MetadataPair {
    /// Bytes of a key, of a value, and of all keys and values of one machine: every machine of the cluster keeps them in memory.
    package static let keyLimit = 128
    package static let valueLimit = 1024
    package static let totalLimit = 32 << 10

    /// Whether `text` may be a key; `.` and `..` may not, for paths give them another meaning.
    package static func isKey(_ text: some StringProtocol) -> Bool {
        guard (1...keyLimit).contains(text.utf8.count), text != ".", text != ".." else { return false }
        return text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || byte == 0x2d || byte == 0x2e || byte == 0x5f
        }
    }

    /// Whether `text` comes out of a settings file as it went in, as one value of one key.
    package static func isValue(_ text: some StringProtocol) -> Bool {
        guard (1...valueLimit).contains(text.utf8.count) else { return false }
        guard text.first?.isWhitespace == false, text.last?.isWhitespace == false else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "=", ",", "\"", "\\": false
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}": false
            default: true
            }
        }
    }

    /// What is wrong with a pair, in one line; `nil` when nothing is.
    package static func complaint(_ key: String, _ value: String) -> String? {
        guard isKey(key) else {
            return
                "'\(key.prefix(80))' is no key of metadata: keys are 1 to \(keyLimit) letters and digits of ASCII and . _ -, "
                + "and neither . nor .."
        }
        guard isValue(value) else {
            return
                "the value of \(key) cannot stand in a machine's settings: it has 1 to \(valueLimit) bytes, no blank at its "
                + "ends, and none of = , \" \\ and control characters"
        }
        return nil
    }

    /// What is wrong with all metadata of a machine, in one line; `nil` when nothing is.
    package static func complaint(_ metadata: [String: String]) -> String? {
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            if let complaint = complaint(key, value) { return complaint }
        }
        let size = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        return size > totalLimit ? "the metadata have \(size) bytes; a machine may have \(totalLimit)" : nil
    }
}
