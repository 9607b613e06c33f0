// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A child with pipes to its standard input and output.
///
/// posix_spawn rather than swift-subprocess: the child outlives the call that starts it, and the pipe is what its life
/// hangs on, which a library that ties both to a closure does not offer.
struct ChildProcess: Sendable {
    let process: pid_t
    /// Writing end of the child's standard input.
    let input: Int32
    /// Reading end of the child's standard output.
    private let output: Int32

    /// Starts `program`, found on the search path.
    ///
    /// - Parameters:
    ///   - program: Its name or path.
    ///   - arguments: Without the program's name.
    ///   - errors: File that takes the child's standard error.
    /// - Throws: `ClusterManagerError.usage` when it cannot be started.
    init(_ program: String, _ arguments: [String], errors: String) throws {
        let toChild = try Self.pipe()
        let fromChild = try Self.pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild.reading, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild.writing, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // libdispatch blocks every signal in its threads; the child must be able to hear them.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var usual = sigset_t()
        sigemptyset(&usual)
        sigaddset(&usual, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var process: pid_t = 0
        let failure = CStrings.with([program] + arguments) { words in
            posix_spawnp(&process, program, &actions, &attributes, words, environ)
        }
        close(toChild.reading)
        close(fromChild.writing)
        guard failure == 0 else {
            close(toChild.writing)
            close(fromChild.reading)
            throw ExternalProgram.missing(program, failure)
        }
        self.process = process
        self.input = toChild.writing
        self.output = fromChild.reading
    }

    /// Waits until the child prints `line`; `false` when its output ends without.
    ///
    /// Blocks the thread. What the far end's start-up files print before is passed over.
    func waitForLine(_ line: String) -> Bool {
        defer { close(output) }
        var line = Array(line.utf8)[...]
        let wanted = line
        var byte: UInt8 = 0
        while true {
            let count = read(output, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return false }
            line = byte == line.first ? line.dropFirst() : byte == wanted.first ? wanted.dropFirst() : wanted
            if line.isEmpty { return true }
        }
    }

    /// Ends the child and waits for that.
    func end() {
        close(input)
        kill(process, SIGTERM)
        Self.reap(process)
    }

    static func reap(_ process: pid_t) {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            throw ClusterManagerError(.usage, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        // The child keeps its two ends by dup2 alone; a held lifeline of its own would keep it alive.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
