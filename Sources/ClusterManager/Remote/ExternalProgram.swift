// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Another program that is to do what the user asked for: ssh, or journalctl on this machine.
///
/// A command that ends in another program *becomes* it (execvp) rather than starting a child: terminal, signals and exit
/// status are then the other program's own, and nothing has to be passed on. Only what must go on beside this program, the
/// tunnel, is a child; see `SSHTunnel`.
package struct ExternalProgram: Hashable, Sendable {
    /// Name on the search path.
    package let name: String
    package let arguments: [String]

    package init(_ name: String, _ arguments: [String]) {
        self.name = name
        self.arguments = arguments
    }

    /// Becomes the program; returns only by throwing.
    ///
    /// - Throws: `ClusterManagerError.usage` when there is no such program here, or it may not be run.
    package func become() throws {
        // libdispatch blocks every signal in its threads, and a program inherits that from the thread that starts it.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        signal(SIGPIPE, SIG_DFL)
        CStrings.with([name] + arguments) { words in _ = execvp(name, words) }
        throw Self.missing(name, errno)
    }

    /// The words for a program that cannot be started.
    static func missing(_ name: String, _ number: Int32) -> ClusterManagerError {
        let hint = name == "ssh" ? "; Debian's package is openssh-client" : ""
        return ClusterManagerError(.usage, "cannot run \(name): \(String(cString: strerror(number)))\(hint)")
    }
}

/// Arrays of C strings, as exec wants them.
enum CStrings {
    static func with<Answer>(_ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Answer) -> Answer {
        let copies = words.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
