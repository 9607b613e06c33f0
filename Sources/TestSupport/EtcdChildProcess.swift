// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import HTTPTransport

/// Why a test's surroundings could not be set up.
package struct TestFixtureError: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

/// Swift's view of the C library lacks this one, which glibc has since 2.34.
let closeFrom: CloseFrom = {
    guard let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else { return { _, _ in ENOSYS } }
    return unsafeBitCast(symbol, to: CloseFrom.self)
}()

/// A child process that ends with this process, however this one ends.
///
/// The kernel sends the parent-death signal when the *thread* that made the child ends, and the threads of Swift's pool come and go.
/// So each child has a thread of its own, which makes it and then waits for its end.
final class ChildProcess: Sendable {
    private struct State {
        var pid: pid_t?
        var failure: Int32 = 0
        var hasExited = false
        /// As `waitpid` gives it.
        var status: Int32 = 0
    }

    private let arguments: [String]
    private let output: String
    private let state = Locked(State())

    /// Starts `arguments` through `PATH`, with both outputs appended to the file `output`.
    init(_ arguments: [String], output: String) throws {
        self.arguments = ["setpriv", "--pdeathsig", "KILL"] + arguments
        self.output = output
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ChildProcess>.fromOpaque(context).takeRetainedValue().spawnAndWait()
                return nil
            }, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw TestFixtureError("cannot make a thread: \(String(cString: strerror(failure)))")
        }
        pthread_detach(thread)
        while true {
            let now = state.withLock { $0 }
            if now.failure != 0 {
                throw TestFixtureError("cannot start \(arguments[0]): \(String(cString: strerror(now.failure)))")
            }
            if now.pid != nil { return }
            usleep(200)
        }
    }

    var pid: Int32 { state.withLock { $0.pid ?? 0 } }
    var hasExited: Bool { state.withLock { $0.hasExited } }

    /// Sends `signal` if the child still runs.
    func signal(_ signal: Int32) {
        state.withLock { state in
            if let pid = state.pid, !state.hasExited { kill(pid, signal) }
        }
    }

    /// Ends the child with `signal`, after ten seconds with SIGKILL, and returns when it is gone.
    func end(with signal: Int32) {
        self.signal(signal)
        self.signal(SIGCONT)
        for round in 0... {
            if hasExited { return }
            if round == 5_000 { self.signal(SIGKILL) }
            usleep(2_000)
        }
    }

    /// Waits for the child's own end.
    ///
    /// - Returns: 0 when it ended well.
    func waitForExit() -> Int32 {
        while !hasExited { usleep(2_000) }
        return state.withLock { $0.status }
    }

    private func spawnAndWait() {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // A socket of another test that lived on in this child would keep its connection and its port alive.
        _ = closeFrom(&actions, 3)
        // Whatever this process blocks or ignores is not the child's business.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let failure = posix_spawnp(&pid, arguments[0], &actions, &attributes, &words, environ)
        guard failure == 0 else { return state.withLock { $0.failure = failure } }
        state.withLock { $0.pid = pid }
        // Its number stays taken until it is collected, so nobody can signal a stranger.
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        state.withLock { state in
            state.hasExited = true
            waitpid(pid, &state.status, 0)
        }
    }
}
