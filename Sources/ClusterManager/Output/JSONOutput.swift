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

/// What went wrong, for who asked for JSON: `{"error":{"code":"unit","message":"...","status":1}}` on standard error.
struct JSONFailure: Encodable, Sendable {
    struct Reason: Encodable, Sendable {
        let code: String
        let message: String
        /// The program's exit status.
        let status: Int32
    }

    let error: Reason

    init(_ error: ClusterManagerError) {
        self.error = Reason(
            code: error.code.rawValue, message: error.message, status: error.exitStatus.rawValue)
    }
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

    /// One line of JSON, for standard error.
    static func line(_ failure: JSONFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts and a number always encode.
        return ((try? encoder.encode(failure)).map { String(decoding: $0, as: UTF8.self) } ?? "{}") + "\n"
    }
}
