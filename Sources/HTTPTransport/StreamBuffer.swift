// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What becomes of a stream on which nothing comes in.
package enum IdlePolicy: Hashable, Sendable {
    /// Wait for ever.
    case wait
    /// End with `.timedOut` after so long without a byte.
    case fail(after: Duration)
    /// Hand the reader an empty piece after so long without a byte, and go on.
    case report(after: Duration)

    var duration: Duration? {
        switch self {
        case .wait: nil
        case .fail(let duration), .report(let duration): duration
        }
    }
}

/// Stands between the loop's thread, which fills it, and the one task that reads it.
final class StreamBuffer: Sendable {
    typealias Head = (status: Int, headers: [HTTPHeader])

    /// Above so many unread bytes the loop stops reading from the connection.
    private static let highWater = 1 << 20

    private struct State {
        var head: Head?
        var unread: [UInt8] = []
        var isPaused = false
        /// Set once: `nil` inside says that the answer ended as it should.
        var end: HTTPError??
        var headWaiter: CheckedContinuation<Result<Head, HTTPError>, Never>?
        var reader: CheckedContinuation<Result<[UInt8]?, HTTPError>, Never>?
    }

    let idle: IdlePolicy
    private let state = Locked(State())

    init(idle: IdlePolicy) { self.idle = idle }

    // MARK: The loop's side

    func receive(status: Int, headers: [HTTPHeader]) {
        let waiter = state.withLock { state in
            state.head = (status, headers)
            defer { state.headWaiter = nil }
            return state.headWaiter
        }
        waiter?.resume(returning: .success((status, headers)))
    }

    /// Takes bytes, or says `false` when the reader has to catch up first.
    func receive(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let (accepted, reader) = state.withLock {
            state -> (Bool, CheckedContinuation<Result<[UInt8]?, HTTPError>, Never>?) in
            if let reader = state.reader {
                state.reader = nil
                return (true, reader)
            }
            if state.unread.count >= Self.highWater {
                state.isPaused = true
                return (false, nil)
            }
            state.unread.append(contentsOf: bytes)
            return (true, nil)
        }
        // A reader waits only while nothing is unread, so these bytes are the next ones.
        reader?.resume(returning: .success(Array(bytes)))
        return accepted
    }

    /// Tells a waiting reader that nothing came for a while.
    func reportIdle() {
        let reader = state.withLock { state in
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: .success([]))
    }

    func finish(_ error: HTTPError?) {
        let (headWaiter, reader) = state.withLock { state in
            if state.end == nil { state.end = .some(error) }
            defer {
                state.headWaiter = nil
                state.reader = nil
            }
            return (state.headWaiter, state.reader)
        }
        if let headWaiter {
            headWaiter.resume(returning: .failure(error ?? Self.noHead))
        }
        if let reader {
            reader.resume(returning: error.map { .failure($0) } ?? .success(nil))
        }
    }

    // MARK: The reader's side

    func waitForHead(_ continuation: CheckedContinuation<Result<Head, HTTPError>, Never>) {
        let known = state.withLock { state -> Result<Head, HTTPError>? in
            if let head = state.head { return .success(head) }
            if case .some(let end) = state.end { return .failure(end ?? Self.noHead) }
            state.headWaiter = continuation
            return nil
        }
        if let known { continuation.resume(returning: known) }
    }

    /// Gives the next piece to `continuation`, now or when it comes.
    ///
    /// - Returns: Whether the loop has to be told that the reader has caught up.
    func read(_ continuation: CheckedContinuation<Result<[UInt8]?, HTTPError>, Never>) -> Bool {
        let (known, resumes) = state.withLock { state -> (Result<[UInt8]?, HTTPError>?, Bool) in
            if !state.unread.isEmpty {
                let bytes = state.unread
                state.unread = []
                let resumes = state.isPaused
                state.isPaused = false
                return (.success(bytes), resumes)
            }
            if case .some(let end) = state.end { return (end.map { .failure($0) } ?? .success(nil), false) }
            guard state.reader == nil else { return (.failure(Self.secondReader), false) }
            state.reader = continuation
            return (nil, false)
        }
        if let known { continuation.resume(returning: known) }
        return resumes
    }

    private static let noHead = HTTPError(
        code: .protocolError, message: "the connection ended before the headers of an answer", isTransient: true,
        mayHaveReachedServer: true)
    private static let secondReader = HTTPError(
        code: .invalidRequest, message: "a stream can be read by one task only", isTransient: false,
        mayHaveReachedServer: true)
}
