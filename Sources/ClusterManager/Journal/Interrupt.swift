// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// What ctrl-C and SIGTERM do to a command that goes on for a while.
enum Interrupt {
    /// What there is to say, as lines that are ready for standard error.
    private struct Lines {
        /// A command's own words.
        var own: String?
        /// What the requests say of themselves, where the command has no words.
        var usual: String?
        /// What the handler has.
        var shown: String?
    }

    /// Address of the words to leave behind, ended by a zero; they are never freed, for the handler may be reading them.
    private static let words = Atomic<UInt>(0)
    private static let lines = Mutex(Lines())

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
    ///   - text: The words, without the program's name; `nil` leaves the word to what is said by default.
    ///   - errors: Standard error, for its form.
    static func says(_ text: String?, on errors: Console.Stream) {
        let line = text.map { form($0, on: errors) }
        lines.withLock { lines in
            lines.own = line
            show(&lines)
        }
    }

    /// The same for a command that has no words of its own.
    ///
    /// - Parameters:
    ///   - text: The words; `nil` when there is nothing to say.
    ///   - errors: Standard error, for its form.
    static func saysByDefault(_ text: String?, on errors: Console.Stream) {
        let line = text.map { form($0, on: errors) }
        lines.withLock { lines in
            lines.usual = line
            show(&lines)
        }
    }

    private static func form(_ text: String, on errors: Console.Stream) -> String {
        // A terminal shows "^C" first, or a line that moves; a program that reads JSON gets no empty line.
        let start = errors.isJSON && !errors.isTerminal ? "" : "\n"
        return start + errors.formatted("cluster-manager: \(text)")
    }

    /// Gives the handler what is to be said now.
    private static func show(_ lines: inout Lines) {
        let line = lines.own ?? lines.usual
        guard line != lines.shown else { return }
        lines.shown = line
        var address: UInt = 0
        if let line, let copy = strdup(line) { address = UInt(bitPattern: copy) }
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
