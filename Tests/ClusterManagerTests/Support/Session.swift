// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager

/// One command line against a cluster in memory.
struct Session {
    let status: ExitStatus
    let output: String
    let errors: String

    /// Runs `arguments`, split at blanks.
    static func run(
        _ arguments: String, on fleet: any FleetService = FakeFleet(), environment: [String: String] = [:]
    ) async -> Session {
        await run(arguments.split(separator: " ").map(String.init), on: fleet, environment: environment)
    }

    static func run(
        _ arguments: [String], on fleet: any FleetService, environment: [String: String] = [:]
    ) async -> Session {
        let captured = CapturedConsole()
        let program = Program(console: captured.console, environment: environment) { _ in fleet }
        let status = await program.run(arguments)
        return Session(status: status, output: captured.output, errors: captured.errors)
    }
}
