// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// What ctrl-C does to a command that goes on for a while.
enum Interrupt {
    /// Address of the words to leave behind, ended by a zero; they are never freed, for the handler may be reading them.
    private static let words = Atomic<UInt>(0)

    /// From now on ends the process at once and with exit status 0: being stopped is how such a command succeeds.
    ///
    /// All that was printed has been written already; nothing is buffered.
    static func endsWell() { signal(SIGINT) { _ in _exit(0) } }

    /// From now on ends the process with exit status 130, after saying what goes on or stays behind in the cluster.
    ///
    /// Said again, the new words take the place of the old.
    static func says(_ text: String) {
        let address = strdup("\ncluster-manager: \(text)\n").map { UInt(bitPattern: $0) } ?? 0
        words.store(address, ordering: .sequentiallyConsistent)
        signal(SIGINT) { _ in
            // Nothing but what signal-safety(7) allows.
            if let text = UnsafePointer<CChar>(bitPattern: Interrupt.words.load(ordering: .sequentiallyConsistent)) {
                _ = write(STDERR_FILENO, text, strlen(text))
            }
            _exit(130)
        }
    }
}
