// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// The agent's end of the guard's FIFO.
///
/// Nothing here waits: a guard that does not read, or is not there, shows as an error at once, and its deadline then
/// comes nearer on its own. Not for use by several tasks at once.
package struct GuardFeeder: ~Copyable {
    private let path: String
    private var descriptor: Int32 = -1

    /// - Parameter path: The FIFO that the guard makes.
    package init(path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The clock that deadlines are on: nanoseconds since boot, suspend included.
    package static var now: UInt64 { flt_boottime_ns() }

    /// Sends one command.
    ///
    /// - Throws: `SystemdError`, transient: `unreachable` when no guard has the FIFO open, `limitExceeded` when the guard has
    ///   not read for so long that the pipe is full.
    package mutating func send(_ command: GuardCommand) throws(SystemdError) {
        // After a restart of the guard with a new FIFO the old descriptor has no reader: open again, once.
        let isFresh = descriptor < 0
        do throws(SystemdError) {
            try write(command)
        } catch {
            guard !isFresh, error.code == .disconnected else { throw error }
            try write(command)
        }
    }

    private mutating func write(_ command: GuardCommand) throws(SystemdError) {
        if descriptor < 0 { try open() }
        let bytes = Array(command.line.utf8)
        // Shorter than PIPE_BUF, hence written whole or not at all (pipe(7)).
        let count = flt_write_quietly(descriptor, bytes, bytes.count)
        guard count < 0 else { return }
        if count == -Int(EPIPE) {
            close(descriptor)
            descriptor = -1
        }
        throw SystemdError(errno: Int32(count), subject: "cannot feed the guard through \(path)")
    }

    private mutating func open() throws(SystemdError) {
        let opened = Glibc.open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard opened >= 0 else {
            // ENXIO: the FIFO is there and nobody reads.
            let number = errno == ENXIO ? ECONNREFUSED : errno
            throw SystemdError(errno: number, subject: "cannot open the guard's FIFO \(path)")
        }
        guard FileKind(of: opened) == .pipe else {
            close(opened)
            throw SystemdError(
                code: .invalidArgument, message: "systemd: \(path) is something else than the guard's FIFO, remove it")
        }
        descriptor = opened
    }
}
