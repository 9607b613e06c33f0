// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Terminal

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

/// What is said beside a result, for who asked for JSON: `{"note":"..."}` on standard error.
struct JSONNote: Encodable, Sendable {
    let note: String

    /// Takes a line for people; that the program itself speaks needs no saying here.
    init(_ line: String) {
        let name = "cluster-manager: "
        note = line.hasPrefix(name) ? String(line.dropFirst(name.count)) : line
    }
}

/// A result as JSON text.
package enum JSONOutput {
    /// JSON's own text with the characters that `Printable` writes out and JSON may hold as they are, as JSON's escapes.
    static func escaped(_ json: String) -> String {
        guard json.unicodeScalars.contains(where: Printable.isUnsafe) else { return json }
        var text = ""
        for scalar in json.unicodeScalars {
            if Printable.isUnsafe(scalar) {
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Encodes with sorted keys, so that equal results are equal texts.
    ///
    /// - Throws: `ClusterManagerError.protocolViolation` for a value that JSON cannot express.
    package static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return escaped(String(decoding: try encoder.encode(value), as: UTF8.self)) + "\n"
        } catch {
            throw ClusterManagerError(.protocolViolation, "cannot write the result as JSON: \(error)")
        }
    }

    /// One line of JSON, for standard error.
    static func line(_ words: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts and numbers always encode.
        return escaped((try? encoder.encode(words)).map { String(decoding: $0, as: UTF8.self) } ?? "{}") + "\n"
    }
}
