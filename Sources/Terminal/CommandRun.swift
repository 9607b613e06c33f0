// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Glibc

extension AsyncParsableCommand {
    /// Runs the command that the process's arguments name, and ends the process with what came of it.
    ///
    /// It is ArgumentParser's `main`, but for two things. A wrong use is told in one line, and ends with status 2, since 1
    /// says that the command failed. A result that cannot be written is a failure, told in one line, too.
    ///
    /// - Parameter arguments: What stands behind the program's name.
    package static func runToEnd(_ arguments: [String]) async -> Never {
        OutputSink.occupyStandardStreams()
        TerminalWidth.settle()
        if let mistake = CommandMistake(inHelp: arguments, of: self) { refuse(mistake) }
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            end(EXIT_SUCCESS)
        } catch {
            let status = exitCode(for: error)
            let text = message(for: error)
            guard status != .validationFailure else { refuse(CommandMistake(text, arguments, of: self)) }
            guard status.isSuccess else {
                if !text.isEmpty { complain(text) }
                end(status.rawValue)
            }
            if text == configuration.version,
                let surplus = await CommandMistake.surplus(besideVersion: arguments, of: self)
            {
                refuse(CommandMistake(surplus, arguments, of: self))
            }
            // A call for help is no failure, and its answer may be piped on.
            if !text.isEmpty { OutputSink.results.line(text) }
            end(EXIT_SUCCESS)
        }
    }

    private static func refuse(_ mistake: CommandMistake) -> Never {
        complain(mistake.line)
        Glibc.exit(CommandMistake.exitStatus)
    }

    /// Ends the process; what was done stays done, but a result that is not there is no result.
    private static func end(_ status: Int32) -> Never {
        guard let failure = OutputSink.results.failure else { Glibc.exit(status) }
        complain(OutputSink.words(for: failure))
        Glibc.exit(max(status, EXIT_FAILURE))
    }

    private static func complain(_ text: String) {
        OutputSink(STDERR_FILENO).line(Printable.text("\(_commandName): \(text)"))
    }
}
