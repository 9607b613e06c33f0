// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// The process that dies unless it is fed, and with it the units that must not outlive the machine's session.
///
/// It is the main process of the service that `GuardUnit` renders. Two mechanisms outside this program end it at the
/// deadline: a kernel timer that raises SIGKILL, exact and independent of every process, and systemd's watchdog as the
/// second line. Both are set anew by each `deadline` command, and neither needs this process to be running, so a guard
/// that is stopped, swapped out or stuck dies in time as well. The program itself only turns a deadline into a
/// remaining time.
package enum GuardProcess {
    /// Serves the FIFO for ever.
    ///
    /// - Parameters:
    ///   - fifo: Where to make the FIFO, with mode 0600; one that is there already is used, so that a feeder that has it
    ///     open stays connected.
    ///   - kernelTimer: Switches the exact mechanism off, so that tests see the watchdog alone.
    /// - Throws: When the FIFO cannot be made or read. The service then fails, which stops the units.
    package static func run(fifo: String, kernelTimer: Bool = true) throws(SystemdError) -> Never {
        let descriptor = try open(fifo)
        Notifier.ready()
        var parser = GuardLineParser()
        // No array: this process is to stay as small as it can be.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SystemdError(errno: errno, subject: "guard cannot read \(fifo)") }
            guard let command = parser.take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { continue }
            try obey(command, kernelTimer: kernelTimer)
        }
    }

    private static func obey(_ command: GuardCommand, kernelTimer: Bool) throws(SystemdError) {
        switch command {
        case .deadline(let nanoseconds):
            // The kernel's timer treats 0 as "off" and this means "long past".
            let status = kernelTimer ? flt_kill_self_at(max(nanoseconds, 1)) : 0
            guard status >= 0 else { throw SystemdError(errno: status, subject: "guard cannot set a kernel timer") }
            Notifier.watchdog(within: remainingMicroseconds(until: nanoseconds, now: flt_boottime_ns()))
        case .disarm:
            let status = kernelTimer ? flt_kill_self_at(0) : 0
            guard status >= 0 else { throw SystemdError(errno: status, subject: "guard cannot set a kernel timer") }
            Notifier.watchdog(within: 0)
        }
    }

    /// What systemd is told: at least 1, since 0 would switch the watchdog off; rounded down, since late is wrong.
    static func remainingMicroseconds(until deadline: UInt64, now: UInt64) -> UInt64 {
        deadline > now ? max(1, (deadline - now) / 1000) : 1
    }

    private static func open(_ path: String) throws(SystemdError) -> Int32 {
        if mkfifo(path, 0o600) < 0 && errno != EEXIST {
            throw SystemdError(errno: errno, subject: "guard cannot make \(path)")
        }
        // Read and write: with a writer of its own the FIFO never reports its end while the agent restarts.
        let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw SystemdError(errno: errno, subject: "guard cannot open \(path)") }
        guard FileKind(of: descriptor) == .pipe else {
            throw SystemdError(
                code: .invalidArgument, message: "systemd: guard: \(path) is something else than a FIFO, remove it")
        }
        guard fchmod(descriptor, 0o600) == 0 else {
            throw SystemdError(errno: errno, subject: "guard cannot set the mode of \(path)")
        }
        return descriptor
    }
}
