// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Glibc

extension AsyncParsableCommand {
    /// Runs the command that the process's arguments name, and ends the process with what came of it.
    ///
    /// It is ArgumentParser's `main`, but for a result that cannot be written: that is a failure, told in one line.
    package static func runToEnd() async -> Never {
        OutputSink.occupyStandardStreams()
        TerminalWidth.settle()
        let errors = OutputSink(STDERR_FILENO)
        var status = EXIT_SUCCESS
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            status = exitCode(for: error).rawValue
            let text = fullMessage(for: error)
            // A call for help is no failure, and its answer may be piped on.
            if !text.isEmpty { (status == EXIT_SUCCESS ? OutputSink.results : errors).line(text) }
        }
        if let failure = OutputSink.results.failure {
            errors.line("\(_commandName): \(OutputSink.words(for: failure))")
            status = max(status, EXIT_FAILURE)
        }
        Glibc.exit(status)
    }
}
