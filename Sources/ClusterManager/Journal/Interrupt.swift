// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// What ctrl-C and SIGTERM do to a command that goes on for a while.
enum Interrupt {
    /// Address of the words to leave behind, ended by a zero; they are never freed, for the handler may be reading them.
    private static let words = Atomic<UInt>(0)

    /// From now on ends the process at once and with exit status 0: being stopped is how such a command succeeds.
    ///
    /// All that was printed has been written already; nothing is buffered.
    static func endsWell() { signal(SIGINT) { _ in _exit(0) } }

    /// From now on SIGINT and SIGTERM end the process after saying what goes on or stays behind in the cluster.
    ///
    /// The exit status is the one that a shell gives to such an end: 130 and 143. Said again, the new words take the place of
    /// the old.
    ///
    /// - Parameters:
    ///   - text: The words, without the program's name.
    ///   - errors: Standard error, for its form.
    static func says(_ text: String, on errors: Console.Stream) {
        // A terminal shows "^C" first, or a line that moves; a program that reads JSON gets no empty line.
        let start = errors.isJSON && !errors.isTerminal ? "" : "\n"
        let line = start + errors.formatted("cluster-manager: \(text)")
        let address = strdup(line).map { UInt(bitPattern: $0) } ?? 0
        words.store(address, ordering: .sequentiallyConsistent)
        for number in [SIGINT, SIGTERM] {
            signal(number) { received in
                // Nothing but what signal-safety(7) allows.
                if let text = UnsafePointer<CChar>(bitPattern: Interrupt.words.load(ordering: .sequentiallyConsistent))
                {
                    _ = write(STDERR_FILENO, text, strlen(text))
                }
                _exit(128 + received)
            }
        }
    }
}
