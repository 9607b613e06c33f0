// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The forms in which a command can print its result.
package enum OutputFormat: String, Sendable, CaseIterable {
    /// Aligned columns and sentences, for people.
    case table
    /// One JSON value, for programs: whole ids and hashes, every field, whatever the table would show.
    case json
}

/// A result as JSON text.
package enum JSONOutput {
    /// Encodes with sorted keys, so that equal results are equal texts.
    ///
    /// - Throws: `ClusterManagerError.protocolViolation` for a value that JSON cannot express.
    package static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
        } catch {
            throw ClusterManagerError(.protocolViolation, "cannot write the result as JSON: \(error)")
        }
    }
}
