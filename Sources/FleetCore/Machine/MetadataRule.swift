// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What `MachineMetadata=` asks of a machine: for each key one of some values.
///
/// Values of one key are alternatives, keys add up: fleet's rule, however the pairs are spread over lines.
package struct MetadataRule: Hashable, Sendable, CustomStringConvertible {
    /// One key and the values of which the machine must have one.
    package struct Clause: Hashable, Sendable, CustomStringConvertible {
        package let key: String
        /// Sorted, each once, never empty.
        package let values: [String]

        /// Whether a machine with `metadata` has one of the values; a machine without the key has not.
        package func accepts(_ metadata: [String: String]) -> Bool { metadata[key].map(values.contains) ?? false }

        package var description: String { "\(key)=\(values.joined(separator: " or "))" }
    }

    /// Sorted by key, one for each.
    package let clauses: [Clause]

    /// The rule that accepts every machine.
    package static let any = MetadataRule(pairs: [])

    /// Makes a rule of pairs of key and value; their order does not matter.
    package init(pairs: some Sequence<(String, String)>) {
        var values: [String: Set<String>] = [:]
        for (key, value) in pairs { values[key, default: []].insert(value) }
        self.clauses = values.sorted { $0.key < $1.key }.map { Clause(key: $0.key, values: $0.value.sorted()) }
    }

    package var isEmpty: Bool { clauses.isEmpty }

    /// Whether a machine with `metadata` may run the unit.
    package func accepts(_ metadata: [String: String]) -> Bool { clauses.allSatisfy { $0.accepts(metadata) } }

    /// The clauses that a machine with `metadata` fails, for telling why it is refused.
    package func unmet(by metadata: [String: String]) -> [Clause] { clauses.filter { !$0.accepts(metadata) } }

    /// Such as `role=worker, zone=a or b`; empty for the rule that accepts all.
    package var description: String { clauses.map(\.description).joined(separator: ", ") }
}
