// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A descriptor that is written to, and what has gone wrong with it.
///
/// A result that is not there is no result: every program writes its own through `results`, asks at its end whether they have
/// arrived, and says so where they have not. What goes out through `print` is lost without a word.
package final class OutputSink: Sendable {
    /// Standard output, where a program's results go.
    package static let results = OutputSink(STDOUT_FILENO)

    private let descriptor: Int32
    private let error = Mutex<Int32?>(nil)

    package init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Why something that was written has not arrived, in the system's words; `nil` while all has.
    package var failure: String? {
        error.withLock { $0 }.map { $0 == EBADF ? "it is closed" : String(cString: strerror($0)) }
    }

    /// What a program says of results that have not arrived for that reason.
    package static func words(for failure: String) -> String {
        "cannot write the result to standard output: \(failure)"
    }

    /// Writes a line as it is.
    package func line(_ text: String) { write(text + "\n") }

    /// Writes every byte, however small the pieces that the descriptor takes; after a failure nothing more.
    ///
    /// A reader that went away ends the process by SIGPIPE, as with any other filter.
    @Sendable package func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        guard error.withLock({ $0 }) == nil else { return }
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                let reason = errno
                if reason == EINTR { continue }
                return error.withLock { $0 = reason }
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Takes the numbers of the three standard streams, so that none of them falls to a file or a connection.
    ///
    /// Who starts a program with one of them closed would otherwise find its results in whatever was opened next. Standard
    /// output becomes something that nothing can be written to, so that a result without a place is a failure.
    package static func occupyStandardStreams() {
        for (descriptor, access) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
        where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is the one that is missing.
            _ = open("/dev/null", access)
        }
    }
}
