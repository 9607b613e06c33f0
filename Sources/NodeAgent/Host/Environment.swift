// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The process's environment.
package enum Environment {
    /// All variables.
    package static var all: [String: String] {
        var found: [String: String] = [:]
        var next = environ
        while let entry = next?.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") { found[String(text[..<equals])] = String(text[text.index(after: equals)...]) }
            next = next?.advanced(by: 1)
        }
        return found
    }

    /// One variable; `nil` when it is not set.
    package static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
