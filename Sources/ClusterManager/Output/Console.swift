// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Identity
import Terminal

/// Where a command's words go: the results to standard output, everything else to standard error.
package struct Console: Sendable {
    /// One of the two streams.
    package struct Stream: Sendable {
        /// Writes text as it is; no newline is added: for JSON, for a file's own bytes, and for text whose foreign parts have
        /// been made printable before colours came in.
        package let write: @Sendable (String) -> Void
        /// Whether a person watches: only then may there be colours and progress.
        package let isTerminal: Bool
        package let hasColours: Bool
        /// Whether anything can be written at all; a script may have closed the stream.
        package let isOpen: Bool
        /// Whether lines are for a program: each then is an object `{"note":"..."}`.
        package private(set) var isJSON = false
        /// Why something that was written has not arrived, in the system's words; `nil` while all has.
        package let failure: @Sendable () -> String?
        /// How wide the terminal is now, which a person may change; `nil` where there is none, or nobody says.
        package let columns: @Sendable () -> Int?
        /// Closes a file that the stream leads to for all but its owner: called before a secret is written.
        package let keepPrivate: @Sendable () -> Void

        package init(
            isTerminal: Bool = false, hasColours: Bool = false, isOpen: Bool = true,
            columns: @escaping @Sendable () -> Int? = { nil }, failure: @escaping @Sendable () -> String? = { nil },
            keepPrivate: @escaping @Sendable () -> Void = {}, write: @escaping @Sendable (String) -> Void
        ) {
            self.columns = columns
            self.keepPrivate = keepPrivate
            self.isTerminal = isTerminal
            self.hasColours = hasColours
            self.isOpen = isOpen
            self.failure = failure
            self.write = write
        }

        /// Writes text for a person, with control characters written out; no newline is added.
        package func show(_ text: String) { write(Printable.text(text)) }

        /// Writes a file's own bytes for a program, and for a terminal what `show` makes of them.
        package func deliver(_ text: String) { if isTerminal { show(text) } else { write(text) } }

        /// Writes a line for a person, as `show` does; who asked for JSON gets an object.
        package func line(_ text: String) { write(formatted(text)) }

        /// A line as `line` writes it, with its end.
        func formatted(_ text: String) -> String {
            isJSON ? JSONOutput.line(JSONNote(text)) : Printable.text(text + "\n")
        }

        /// The same stream for a program.
        var inJSON: Stream {
            var stream = self
            stream.isJSON = true
            return stream
        }
    }

    package let output: Stream
    package let errors: Stream

    /// The same console for who asked for JSON: what is said beside the result is JSON, too, an object a line.
    var inJSON: Console { Console(output: output, errors: errors.inJSON) }

    package init(output: Stream, errors: Stream) {
        self.output = output
        self.errors = errors
    }

    /// The process's own streams.
    ///
    /// Colours need a terminal that is not `dumb`, and no `NO_COLOR` in the environment (no-color.org).
    package static func standard(environment: [String: String]) -> Console {
        let wantsColours = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
        return Console(
            output: stream(STDOUT_FILENO, wantsColours: wantsColours),
            errors: stream(STDERR_FILENO, wantsColours: wantsColours))
    }

    /// The stream of an open file.
    static func stream(_ descriptor: Int32, wantsColours: Bool) -> Stream {
        let isTerminal = isatty(descriptor) == 1
        let sink = OutputSink(descriptor)
        let flags = fcntl(descriptor, F_GETFL)
        return Stream(
            isTerminal: isTerminal, hasColours: isTerminal && wantsColours,
            isOpen: flags >= 0 && flags & O_ACCMODE != O_RDONLY,
            columns: { TerminalWidth.columns(ofTerminal: descriptor) }, failure: { sink.failure },
            keepPrivate: { IdentityFile.restrict(descriptor, to: IdentityFile.secretMode) }, write: sink.write)
    }
}
