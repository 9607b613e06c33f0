// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibCurl
internal import Glibc

/// libcurl wants to be set up once in a process, before anything else.
private let libcurlSetup: CURLcode = curl_global_init(Int(CURL_GLOBAL_SSL | CURL_GLOBAL_WIN32))

/// One thread that carries all transfers of a client through libcurl's multi interface.
///
/// A thread of its own because waiting on sockets would block the tasks' thread pool. Others only append commands and wake
/// it; everything of libcurl's but the wake-up happens on the thread.
final class TransferLoop: @unchecked Sendable {
    private enum Command {
        case start(Transfer)
        case cancel(Transfer)
        case resume(Transfer)
    }

    private struct Inbox {
        var commands: [Command] = []
        var isStopping = false
        /// Once closed, nobody may touch the multi handle any more.
        var isClosed = false
    }

    private static let idleHandleLimit = 32

    private let multi: UnsafeMutableRawPointer?
    private let inbox = Locked(Inbox())

    // The thread's own.
    private var active: [ObjectIdentifier: Transfer] = [:]
    private var idleHandles: [UnsafeMutableRawPointer] = []
    private let clock = ExpiryClock()

    init() {
        multi = libcurlSetup == CURLE_OK ? curl_multi_init() : nil
        guard let multi else {
            inbox.withLock { $0.isClosed = true }
            return
        }
        // Keep a connection for each of many parallel requests, yet not for ever.
        _ = flotilla_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 256)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard failure == 0 else {
            context.release()
            inbox.withLock { $0.isClosed = true }
            curl_multi_cleanup(multi)
            return
        }
        pthread_detach(thread)
    }

    /// Starts `transfer`; its receiver hears of the end in any case.
    func start(_ transfer: Transfer) {
        if !post(.start(transfer)) {
            finish(transfer, transfer.failure(.aborted, "the HTTP client has been shut down or could not start"))
        }
    }

    /// Ends `transfer` with `.cancelled` unless it has ended; also before it was started.
    func cancel(_ transfer: Transfer) { _ = post(.cancel(transfer)) }

    /// Reads on after the receiver had asked for a pause.
    func resume(_ transfer: Transfer) { _ = post(.resume(transfer)) }

    /// Fails what is under way and ends the thread.
    func stop() {
        inbox.withLock { inbox in
            inbox.isStopping = true
            if !inbox.isClosed { curl_multi_wakeup(multi) }
        }
    }

    private func post(_ command: Command) -> Bool {
        inbox.withLock { inbox in
            guard !inbox.isClosed else { return false }
            // The thread takes all commands at once, so one wake-up serves them all.
            if inbox.commands.isEmpty { curl_multi_wakeup(multi) }
            inbox.commands.append(command)
            return true
        }
    }

    // MARK: On the thread

    private func run() {
        // Signals belong to other threads; SIGPIPE must not end the process when a peer hangs up.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)

        while true {
            let (commands, isStopping) = inbox.withLock { inbox in
                defer { inbox.commands.removeAll(keepingCapacity: true) }
                return (inbox.commands, inbox.isStopping)
            }
            for command in commands { handle(command) }
            if isStopping { break }
            var running: Int32 = 0
            let result = curl_multi_perform(multi, &running)
            if result != CURLM_OK { failAll("libcurl: \(String(cString: curl_multi_strerror(result)))") }
            collectFinished()
            expire()
            curl_multi_poll(multi, nil, 0, pollMilliseconds, nil)
        }
        close()
    }

    private var pollMilliseconds: Int32 {
        guard clock.next != .max else { return 60_000 }
        let now = Monotonic.now
        return clock.next <= now ? 0 : Int32(min(60_000, (clock.next - now) / 1_000_000 + 1))
    }

    private func handle(_ command: Command) {
        switch command {
        case .start(let transfer):
            if transfer.isCancelledEarly {
                end(transfer, transfer.failure(.cancelled, "cancelled"))
            } else {
                begin(transfer)
            }
        case .cancel(let transfer):
            switch transfer.phase {
            case .waiting: transfer.isCancelledEarly = true
            case .running: end(transfer, transfer.failure(.cancelled, "cancelled"))
            case .finished: break
            }
        case .resume(let transfer):
            guard transfer.phase == .running, transfer.isPaused, let handle = transfer.handle else { return }
            transfer.isPaused = false
            if case .stream(let buffer) = transfer.receiver { transfer.expire(after: buffer.idle.duration) }
            // May call back with what libcurl still holds, and so pause again.
            curl_easy_pause(handle, CURLPAUSE_RECV_CONT)
        }
    }

    private func begin(_ transfer: Transfer) {
        guard let handle = idleHandles.popLast() ?? curl_easy_init() else {
            return end(transfer, transfer.failure(.aborted, "out of memory"))
        }
        do {
            try transfer.configure(handle)
        } catch {
            return end(transfer, error)
        }
        transfer.phase = .running
        active[ObjectIdentifier(transfer)] = transfer
        transfer.clock = clock
        transfer.expire(after: transfer.request.deadline)
        let result = curl_multi_add_handle(multi, handle)
        if result != CURLM_OK {
            end(transfer, transfer.failure(.aborted, String(cString: curl_multi_strerror(result))))
        }
    }

    private func collectFinished() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            let result = message.pointee.data.result
            var context: UnsafePointer<CChar>?
            guard flotilla_curl_get_string(handle, CURLINFO_PRIVATE, &context) == CURLE_OK, let context else {
                curl_multi_remove_handle(multi, handle)
                continue
            }
            let transfer = Unmanaged<Transfer>.fromOpaque(UnsafeRawPointer(context)).takeUnretainedValue()
            end(transfer, transfer.failure(of: result))
        }
    }

    private func expire() {
        let now = Monotonic.now
        guard clock.next <= now else { return }
        clock.next = .max
        // Ending a transfer changes `active`, so look at a copy.
        for transfer in Array(active.values) {
            guard let expiry = transfer.expiry else { continue }
            if expiry > now {
                clock.next = min(clock.next, expiry)
            } else if transfer.headIsComplete, case .stream(let buffer) = transfer.receiver {
                if case .report(let after) = buffer.idle {
                    buffer.reportIdle()
                    transfer.expire(after: after)
                } else {
                    end(transfer, transfer.failure(.timedOut, "nothing came for \(buffer.idle.duration ?? .zero)"))
                }
            } else {
                end(transfer, transfer.failure(.timedOut, "no answer in \(transfer.request.deadline)"))
            }
        }
    }

    private func end(_ transfer: Transfer, _ error: HTTPError?) {
        if let handle = transfer.handle {
            transfer.noteCertificate()
            curl_multi_remove_handle(multi, handle)
            transfer.handle = nil
            if idleHandles.count < Self.idleHandleLimit {
                curl_easy_reset(handle)
                idleHandles.append(handle)
            } else {
                curl_easy_cleanup(handle)
            }
        }
        active[ObjectIdentifier(transfer)] = nil
        finish(transfer, error)
    }

    private func finish(_ transfer: Transfer, _ error: HTTPError?) {
        guard transfer.phase != .finished else { return }
        transfer.phase = .finished
        switch transfer.receiver {
        case .whole(let report):
            if let error {
                report(.failure(error))
            } else {
                var answer = HTTPResponse(status: transfer.status, headers: transfer.headers, body: transfer.body)
                answer.certificateEnd = transfer.certificateEnd
                report(.success(answer))
            }
        case .stream(let buffer):
            buffer.finish(error)
        }
    }

    private func failAll(_ reason: String) {
        for transfer in Array(active.values) { end(transfer, transfer.failure(.aborted, reason)) }
    }

    private func close() {
        failAll("the HTTP client has been shut down")
        let late = inbox.withLock { inbox in
            inbox.isClosed = true
            defer { inbox.commands = [] }
            return inbox.commands
        }
        for case .start(let transfer) in late {
            finish(transfer, transfer.failure(.aborted, "the HTTP client has been shut down"))
        }
        for handle in idleHandles { curl_easy_cleanup(handle) }
        curl_multi_cleanup(multi)
    }
}
