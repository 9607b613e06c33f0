// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Runs programs for fixtures, without blocking Swift's thread pool.
package enum SystemdCommand {
    /// What a program left behind.
    package struct Output: Sendable {
        /// Exit status; 128 plus the signal's number for a program that a signal ended.
        package var status: Int32
        /// Standard output and standard error, as they came.
        package var text: String
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// Starts a program with closed-on-exec pipes of ours shut, and the given descriptors as its standard streams.
    package static func spawn(
        _ arguments: [String], input: Int32, output: Int32
    ) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        // A socket or file of another test must not live on in this child.
        _ = closeFrom(&actions, 3)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: Int32 = 0
        let failure = posix_spawnp(&pid, arguments[0], &actions, nil, words, environ)
        guard failure == 0 else {
            throw Failure(description: "cannot start \(arguments[0]): \(String(cString: strerror(failure)))")
        }
        return pid
    }

    /// Two connected descriptors that no child inherits by accident.
    static func channel() throws -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Failure(description: "no pipe: errno \(errno)") }
        return (ends[0], ends[1])
    }

    /// Runs a program to its end, with nothing as its input.
    package static func run(_ arguments: [String]) async throws -> Output {
        let (reader, writer) = try channel()
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        let pid: Int32
        do {
            pid = try spawn(arguments, input: null, output: writer)
        } catch {
            close(reader)
            close(writer)
            throw error
        }
        close(writer)
        return await onThread {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = read(reader, &buffer, buffer.count)
                if count > 0 { bytes += buffer[..<count] } else if count == 0 || errno != EINTR { break }
            }
            close(reader)
            return Output(status: wait(for: pid), text: String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Reaps a child and answers its exit status, or 128 plus its signal.
    package static func wait(for pid: Int32) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// Runs blocking work on a thread of its own.
    package static func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let box = Unmanaged.passRetained(Work { continuation.resume(returning: work()) })
            var thread = pthread_t()
            let failure = pthread_create(&thread, nil, runWork, box.toOpaque())
            if failure == 0 {
                pthread_detach(thread)
            } else {
                box.takeRetainedValue().body()
            }
        }
    }

    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    private static let runWork: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
        return nil
    }
}
