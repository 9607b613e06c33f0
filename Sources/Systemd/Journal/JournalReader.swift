// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// Reads a journal on a thread of its own, since sd-journal blocks on files.
///
/// One task at a time takes batches by `next()`. A reader that lags behind stops the thread; nothing piles up. The thread
/// ends with the journal, by `cancel()`, or when the last reference goes.
package final class JournalReader: Sendable {
    /// The longest value of a field, with its name, in bytes; the rest is cut off.
    package static let fieldLimit = 64 << 10

    private let work: JournalWork

    /// Starts to read; a journal that cannot be opened shows in the first `next()`.
    ///
    /// - Throws: `SystemdError` with code `limitExceeded` or `system` when the kernel refuses a descriptor or a thread.
    package init(_ query: JournalQuery, in place: JournalPlace = .local) throws(SystemdError) {
        work = try JournalWork(query, place)
        try work.start()
    }

    deinit { work.cancel() }

    /// The next entries; `nil` when there will be none.
    ///
    /// - Throws: `SystemdError`; with code `cancelled` when the task or the reader was cancelled.
    package func next() async throws(SystemdError) -> JournalBatch? {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { work.read($0) }
        } onCancel: {
            work.cancel()
        }
        return try result.get()
    }

    /// Ends the reading.
    package func cancel() { work.cancel() }
}

/// The thread of a reader, and what stands between the two.
private final class JournalWork: Sendable {
    typealias Answer = Result<JournalBatch?, SystemdError>

    private struct State {
        var batch = JournalBatch()
        var bytes = 0
        var isCancelled = false
        /// Set once the thread is through; `nil` inside says that the journal ended as it should.
        var end: SystemdError??
        var reader: CheckedContinuation<Answer, Never>?
    }

    /// Above so many bytes or entries that nobody has taken the thread waits.
    private static let highWater = (bytes: 1 << 20, entries: 1000)
    /// So many entries are handed over at once.
    private static let handful = 64

    private let query: JournalQuery
    private let place: JournalPlace
    private let wake: Int32
    private let state = Locked(State())

    init(_ query: JournalQuery, _ place: JournalPlace) throws(SystemdError) {
        self.query = query
        self.place = place
        let descriptor = flt_eventfd()
        guard descriptor >= 0 else { throw SystemdError(errno: descriptor, subject: "cannot make an eventfd") }
        wake = descriptor
    }

    deinit { Glibc.close(wake) }

    func start() throws(SystemdError) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let failure = pthread_create(&thread, nil, Self.entry, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw SystemdError(errno: failure, subject: "cannot start a thread for the journal")
        }
        pthread_detach(thread)
    }

    private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        let work = Unmanaged<JournalWork>.fromOpaque(context).takeRetainedValue()
        flt_name_thread("journal")
        work.run()
        return nil
    }

    // MARK: The thread

    private func run() {
        do throws(SystemdError) {
            try readAll()
            finish(nil)
        } catch {
            finish(error)
        }
    }

    private func readAll() throws(SystemdError) {
        if query.lines == 0, !query.follow { return }
        let journal = try OpenJournal(query, place)
        var batch: [JournalEntry] = []
        var hasCaughtUp = false
        while waitForRoom() {
            switch try journal.step() {
            case .entry(let entry):
                batch.append(entry)
                if batch.count == Self.handful {
                    deliver(batch)
                    batch = []
                }
            case .nothing: continue
            case .finished:
                deliver(batch, isCaughtUp: true)
                return
            case .atEnd:
                // Other units' entries wake the thread as well; the reader is left alone then.
                if !hasCaughtUp || !batch.isEmpty { deliver(batch, isCaughtUp: true) }
                hasCaughtUp = true
                batch = []
                guard query.follow else { return }
                try journal.wait(wake: wake)
                flt_eventfd_drain(wake)
            }
        }
        throw Self.cancelled
    }

    /// Waits until somebody takes what is there; `false` when nobody wants it any more.
    private func waitForRoom() -> Bool {
        while true {
            let (isCancelled, isFull) = state.withLock { state in
                (
                    state.isCancelled,
                    state.bytes >= Self.highWater.bytes || state.batch.entries.count >= Self.highWater.entries
                )
            }
            if isCancelled { return false }
            if !isFull { return true }
            var polled = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
            _ = poll(&polled, 1, -1)
            flt_eventfd_drain(wake)
        }
    }

    private func deliver(_ entries: [JournalEntry], isCaughtUp: Bool = false) {
        let reader = state.withLock { state -> (CheckedContinuation<Answer, Never>, JournalBatch)? in
            state.batch.entries += entries
            state.bytes += entries.reduce(0) { $0 + $1.message.utf8.count + 256 }
            if isCaughtUp { state.batch.isCaughtUp = true }
            guard let reader = state.reader, !state.batch.entries.isEmpty || state.batch.isCaughtUp else { return nil }
            state.reader = nil
            return (reader, Self.take(&state))
        }
        if let (continuation, batch) = reader { continuation.resume(returning: .success(batch)) }
    }

    private func finish(_ error: SystemdError?) {
        let reader = state.withLock { state in
            state.end = .some(error)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: error.map { .failure($0) } ?? .success(nil))
    }

    // MARK: The reader's side

    func read(_ continuation: CheckedContinuation<Answer, Never>) {
        let known = state.withLock { state -> Answer? in
            if state.isCancelled { return .failure(Self.cancelled) }
            if !state.batch.entries.isEmpty || state.batch.isCaughtUp { return .success(Self.take(&state)) }
            if case .some(let end) = state.end { return end.map { .failure($0) } ?? .success(nil) }
            guard state.reader == nil else { return .failure(Self.secondReader) }
            state.reader = continuation
            return nil
        }
        guard let known else { return }
        flt_eventfd_wake(wake)
        continuation.resume(returning: known)
    }

    func cancel() {
        let reader = state.withLock { state in
            state.isCancelled = true
            defer { state.reader = nil }
            return state.reader
        }
        flt_eventfd_wake(wake)
        reader?.resume(returning: .failure(Self.cancelled))
    }

    private static func take(_ state: inout State) -> JournalBatch {
        defer {
            state.batch = JournalBatch()
            state.bytes = 0
        }
        return state.batch
    }

    private static let cancelled = SystemdError(code: .cancelled, message: "the journal is no longer read")
    private static let secondReader = SystemdError(
        code: .invalidArgument, message: "a journal's batches can be taken by one task only")
}
