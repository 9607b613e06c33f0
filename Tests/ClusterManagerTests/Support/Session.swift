// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import Synchronization

/// One command line against a cluster in memory.
struct Session {
    let status: ExitStatus
    let output: String
    let errors: String
    /// What the program would have become, in place of ending.
    var programs: [ExternalProgram] = []

    /// The words of the program that it would have become; empty if it would not.
    var words: [String] { programs.first.map { [$0.name] + $0.arguments } ?? [] }

    /// Runs `arguments`, split at blanks.
    static func run(
        _ arguments: String, on fleet: any FleetService = FakeFleet(), environment: [String: String] = [:],
        localMachine: String? = nil
    ) async -> Session {
        await run(
            arguments.split(separator: " ").map(String.init), on: fleet, environment: environment,
            localMachine: localMachine)
    }

    static func run(
        _ arguments: [String], on fleet: any FleetService, environment: [String: String] = [:],
        localMachine: String? = nil
    ) async -> Session {
        let captured = CapturedConsole()
        let programs = Programs()
        let program = Program(
            console: captured.console, environment: environment, localMachine: localMachine, connect: { _ in fleet },
            become: { programs.add($0) })
        let status = await program.run(arguments)
        return Session(status: status, output: captured.output, errors: captured.errors, programs: programs.all)
    }

    /// Keeps programs from being started.
    private final class Programs: Sendable {
        private let programs = Mutex<[ExternalProgram]>([])

        func add(_ program: ExternalProgram) { programs.withLock { $0.append(program) } }
        var all: [ExternalProgram] { programs.withLock { $0 } }
    }
}
