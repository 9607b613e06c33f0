// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

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

        package init(isTerminal: Bool = false, hasColours: Bool = false, write: @escaping @Sendable (String) -> Void) {
            self.write = write
            self.isTerminal = isTerminal
            self.hasColours = hasColours
        }

        /// Writes text for a person, with control characters written out; no newline is added.
        package func show(_ text: String) { write(Printable.text(text)) }

        /// Writes a line for a person, as `show` does.
        package func line(_ text: String) { show(text + "\n") }
    }

    package let output: Stream
    package let errors: Stream

    package init(output: Stream, errors: Stream) {
        self.output = output
        self.errors = errors
    }

    /// The process's own streams.
    ///
    /// Colours need a terminal that is not `dumb`, and no `NO_COLOR` in the environment (no-color.org).
    package static func standard(environment: [String: String]) -> Console {
        let wantsColours = environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
        func stream(_ descriptor: Int32) -> Stream {
            let isTerminal = isatty(descriptor) == 1
            return Stream(isTerminal: isTerminal, hasColours: isTerminal && wantsColours) { text in
                writeAll(text, to: descriptor)
            }
        }
        return Console(output: stream(STDOUT_FILENO), errors: stream(STDERR_FILENO))
    }

    /// Writes every byte, however small the pieces that the descriptor takes.
    ///
    /// A reader that went away ends the process by SIGPIPE, as with any other filter; other errors leave nobody to tell.
    private static func writeAll(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR else { return }
                continue
            }
            rest = rest.dropFirst(written)
        }
    }
}
