// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Subprocess
import SystemPackage

/// Programs of the host, and this project's own as it was built, run as a user would.
enum Command {
    /// How a program ended and what it said.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// The program, which the package manager built beside the tests.
    static var clusterManager: String {
        get throws {
            let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            return "/\(tests.split(separator: "/").dropLast().joined(separator: "/"))/cluster-manager"
        }
    }

    /// The folder with `Package.swift`.
    static let repository = #filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/\($1)" }

    /// Runs a program with `input` as its standard input, and waits for its end.
    ///
    /// - Throws: What Subprocess throws when there is no such program.
    static func run(
        _ words: [String], input: String = "", environment: [String: String] = [:]
    ) async throws -> Outcome {
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        // Without the terminal of whoever runs the tests: ssh, asking there about a host's key, would stop them all.
        var options = PlatformOptions()
        options.createSession = true
        let result = try await Subprocess.run(
            words[0].hasPrefix("/") ? .path(FilePath(words[0])) : .name(words[0]),
            arguments: Arguments(Array(words.dropFirst())), environment: .inherit.updating(variables),
            platformOptions: options, input: .string(input), output: .string(limit: 4_000_000),
            error: .string(limit: 4_000_000))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return Outcome(status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// A text file of the repository.
    static func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(repository)/\(path)", encoding: .utf8)
    }
}
