// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What ctrl-C does to a command that goes on until it is pressed.
enum Interrupt {
    /// From now on ends the process at once and with exit status 0: being stopped is how such a command succeeds.
    ///
    /// All that was printed has been written already; nothing is buffered.
    static func endsWell() { signal(SIGINT) { _ in _exit(0) } }
}
