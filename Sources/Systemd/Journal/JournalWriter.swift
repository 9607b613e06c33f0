// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import CLibSystemd
import FoundationEssentials

/// Writes entries with fields of their own into the journal.
package enum JournalWriter {
    /// Whether standard error leads to the journal, so that entries belong there too.
    ///
    /// - Source: systemd.exec(5), `JOURNAL_STREAM`.
    package static let isConnected = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] != nil

    /// The most fields of one entry.
    private static let limit = 64

    /// Sends one entry.
    ///
    /// - Parameter fields: Names (upper-case letters, digits and `_`, a letter first) and values of any length.
    /// - Returns: Whether the journal took it.
    package static func send(_ fields: [(name: String, value: String)]) -> Bool {
        let texts = fields.prefix(limit).map { Array("\($0.name)=\($0.value)".utf8) }
        let joined = texts.flatMap { $0 }
        return joined.withUnsafeBytes { bytes in
            var pointers: [UnsafePointer<CChar>?] = []
            var offset = 0
            for text in texts {
                pointers.append(bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self))
                offset += text.count
            }
            return flt_journal_send(pointers, texts.map(\.count), Int32(texts.count)) == 0
        }
    }
}
