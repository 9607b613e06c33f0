// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Units of a test's own.
extension Cluster {
    /// What runs until it is stopped.
    static let sleeper = "[Service]\nExecStart=/usr/bin/sleep infinity\n"

    /// Starts a unit on one machine, and returns when it runs there.
    func start(_ name: String, _ text: String = sleeper, on machine: String) async throws {
        let id = try await machineID(machine)
        try await withUnit(name, "\(text)\n[X-Fleet]\nMachineID=\(id)\n") { path in
            try await manage("start", path, "--timeout", "60")
        }
    }

    /// Writes a unit file for as long as `body` lasts, and gives its path.
    @discardableResult
    func withUnit<T>(_ name: String, _ text: String, _ body: (String) async throws -> T) async throws -> T {
        try await withTemporaryFolder { folder in
            try write(text, to: "\(folder)/\(name)")
            return try await body("\(folder)/\(name)")
        }
    }
}
