// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Environment variables under this project's prefix, else under fleetctl's; an empty one counts as absent.
package struct CompatibleVariables: Sendable {
    private let environment: [String: String]

    package init(_ environment: [String: String]) { self.environment = environment }

    package subscript(name: String) -> String? { find(name)?.value }

    private func find(_ name: String) -> (name: String, value: String)? {
        for prefix in ["FLOTILLA_", "FLEETCTL_"] {
            if let value = environment[prefix + name], !value.isEmpty { return (prefix + name, value) }
        }
        return nil
    }

    /// - Throws: `ClusterManagerError.usage` for a value that is neither true nor false.
    package func truth(_ name: String) throws -> Bool? {
        guard let found = find(name) else { return nil }
        switch found.value.lowercased() {
        case "true", "1", "t", "yes": return true
        case "false", "0", "f", "no": return false
        default:
            throw ClusterManagerError(.usage, "\(found.name)=\(found.value) is neither true nor false")
        }
    }

    /// A time in seconds, as fleetctl writes it: `10`, `2.5`, also with a trailing `s`.
    ///
    /// - Throws: `ClusterManagerError.usage` for a value that is no time from above 0 to a day.
    package func seconds(_ name: String) throws -> Double? {
        guard let found = find(name) else { return nil }
        let text = found.value.hasSuffix("s") ? String(found.value.dropLast()) : found.value
        guard let seconds = Double(text), seconds > 0, seconds <= 86_400 else {
            throw ClusterManagerError(
                .usage, "\(found.name)=\(found.value) must be more than 0 and at most 86400 seconds")
        }
        return seconds
    }
}
