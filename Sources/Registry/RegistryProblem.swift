// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A key or value of the store that this version cannot read; it is reported and never deleted.
package struct RegistryProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package var key: String
    /// What is wrong with it, in words.
    package var reason: String

    package init(key: String, reason: String) {
        self.key = key
        self.reason = reason
    }

    package var description: String { "\(key): \(reason)" }
}

extension RegistryProblem {
    static func unknownKey(_ key: String) -> RegistryProblem {
        RegistryProblem(key: key, reason: RecordError.unknownKey.reason)
    }
}
