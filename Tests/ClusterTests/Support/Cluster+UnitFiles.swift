// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Units of a test's own.
extension Cluster {
    /// What runs until it is stopped.
    static let sleeper = "[Service]\nExecStart=/usr/bin/sleep infinity\n"

    /// A unit that is ready two seconds after its start.
    static let slowStarter =
        "[Service]\nType=notify\nNotifyAccess=all\n"
        + "ExecStart=/bin/bash -c 'sleep 2; systemd-notify --ready; exec sleep infinity'\n"

    /// A unit that fails until there is a file `/run/cured`, and is started twice at most.
    static func curable(restart: String) -> String {
        "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n[Service]\nRestart=\(restart)\nRestartSec=100ms\n"
            + "ExecStart=/bin/sh -c 'test -e /run/cured && exec sleep infinity; exit 3'\n"
    }

    /// The same file for one machine alone.
    func pinned(_ text: String, to machine: String) async throws -> String {
        "\(text)\n[X-Fleet]\nMachineID=\(try await machineID(machine))\n"
    }

    /// Starts a unit on one machine, and returns when it runs there.
    func start(_ name: String, _ text: String = sleeper, on machine: String) async throws {
        try await withUnit(name, try await pinned(text, to: machine)) { path in
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
