// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Subprocess

/// Runs the repository's scripts as a user would.
package enum Shell {
    /// The folder with `bin/`, `units/` and `vagrant/`.
    package static let repository = ancestor(of: #filePath, levels: 3)

    /// How a program ended and what it said.
    package struct Outcome: Sendable {
        /// Its exit status; a signal's number plus 128, as in a shell.
        package var status: Int32
        package var output: String
        package var error: String

        /// What it printed to standard output, without the last line end.
        package var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// Runs `words`, the first being a program on the search path or a path, and waits for its end.
    ///
    /// - Parameters:
    ///   - words: Program and arguments; a program that begins with `bin/`, `units/` or `.ci/` is the repository's.
    ///   - environment: Variables to set; `nil` removes one.
    /// - Returns: Its status, whatever it is, and all it printed.
    /// - Throws: What Subprocess throws when the program cannot be started at all.
    package static func run(_ words: [String], environment: [String: String?] = [:]) async throws -> Outcome {
        var words = words
        if let first = words.first, ["bin/", "units/", ".ci/"].contains(where: first.hasPrefix) {
            words[0] = "\(repository)/\(first)"
        }
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in environment {
            variables[Environment.Key(stringLiteral: name)] = value
        }
        // Without the terminal of whoever runs the tests: a program that asks there would stop them all.
        var options = PlatformOptions()
        options.createSession = true
        let result = try await Subprocess.run(
            .name("env"), arguments: Arguments(words), environment: .inherit.updating(variables),
            platformOptions: options,
            output: .string(limit: 4_000_000), error: .string(limit: 4_000_000))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return Outcome(status: status, output: result.standardOutput, error: result.standardError)
    }

    private static func ancestor(of path: String, levels: Int) -> String {
        path.split(separator: "/").dropLast(levels).reduce(into: "") { $0 += "/\($1)" }
    }
}

/// An empty folder that is removed when the test is over.
package func withTemporaryFolder<T>(_ body: (String) async throws -> T) async throws -> T {
    let folder = "\(FileManager.default.temporaryDirectory.path)/flotilla-\(UInt64.random(in: 0...UInt64.max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let result: Result<T, any Error>
    do { result = .success(try await body(folder)) } catch { result = .failure(error) }
    try FileManager.default.removeItem(atPath: folder)
    return try result.get()
}

/// Writes a text file and the folders above it.
package func write(_ text: String, to path: String, executable: Bool = false) throws {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Closed on exec: a copy in another test's child would make the program "busy" for who runs it.
    if executable { return try SystemdTestFile.write(text, to: path, mode: 0o755) }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
}

/// Reads a text file of the repository or, with a leading slash, of the host.
package func contents(_ path: String) throws -> String {
    try String(contentsOfFile: path.hasPrefix("/") ? path : "\(Shell.repository)/\(path)", encoding: .utf8)
}
