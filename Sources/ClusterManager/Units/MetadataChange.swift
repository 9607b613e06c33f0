// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Changes of a machine's metadata as the command line says them.
enum MetadataChange {
    /// What came of it, for `--output json`.
    private struct Document: Encodable {
        let machine: String
        let metadata: [String: String]
    }

    /// Reads `key=value`; the value may hold further equals signs, but then no unit can ask for it.
    ///
    /// - Throws: `ClusterManagerError.usage`.
    static func set(_ text: String) throws -> MetadataEdit {
        guard let equals = text.firstIndex(of: "=") else {
            throw ClusterManagerError(.usage, "'\(text)' is not of the form key=value")
        }
        let value = String(text[text.index(after: equals)...])
        guard !value.isEmpty else {
            throw ClusterManagerError(.usage, "'\(text)' has no value; 'metadata delete' takes a key away")
        }
        guard !value.contains("=") else {
            throw ClusterManagerError(.usage, "'\(text)' holds a second '=', so that no unit could ask for it")
        }
        return .set(key: try key(text[..<equals]), value: value)
    }

    /// Reads all pairs of a command; of two with one key nobody could say which is meant.
    ///
    /// - Throws: `ClusterManagerError.usage`.
    static func set(_ texts: [String]) throws -> [MetadataEdit] {
        let edits = try texts.map { try set($0) }
        var seen: Set<String> = []
        for case .set(let key, _) in edits where !seen.insert(key).inserted {
            throw ClusterManagerError(.usage, repeated(key))
        }
        return edits
    }

    /// What is said of a key that is given twice.
    static func repeated(_ key: String) -> String {
        "the key '\(key)' is given twice; a machine has one value for each"
    }

    /// Takes `.` and `..`, too, which version 0.1 let somebody set.
    static func delete(_ text: String) throws -> MetadataEdit {
        .delete(key: [".", ".."].contains(text) ? text : try key(text[...]))
    }

    /// The API's rule for keys.
    private static func key(_ text: Substring) throws -> String {
        guard MetadataPair.isKey(text) else {
            throw ClusterManagerError(
                .usage,
                "'\(text)' is no key; keys are 1 to \(MetadataPair.keyLimit) letters and digits of ASCII and . _ -, and "
                    + "neither . nor ..")
        }
        return String(text)
    }

    /// Sends the changes and tells what the machine has then.
    static func run(_ machine: String, _ changes: [MetadataEdit], in context: CommandContext) async throws {
        let fleet = context.fleet
        let found = try await context.machine(machine)
        try await fleet.changeMetadata(of: found.id, changes)
        var metadata = found.metadata
        for change in changes {
            switch change {
            case .set(let key, let value): metadata[key] = value
            case .delete(let key): metadata[key] = nil
            }
        }
        switch context.format {
        case .json: context.console.output.write(try JSONOutput.text(Document(machine: found.id, metadata: metadata)))
        case .table:
            let words = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            context.console.output.line(
                "Machine \(found.label): "
                    + (words.isEmpty ? "no metadata" : words.joined(separator: ",")))
        }
    }
}
