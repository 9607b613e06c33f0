// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Sends HTTP/1.1 requests over TCP, TLS and unix sockets, and keeps connections for the next.
///
/// All requests of one client share one thread. The environment's proxies are not used and redirects not followed. The thread
/// ends with the last reference to the client and to its streams.
package final class HTTPClient: Sendable {
    let loop = TransferLoop()

    package init() {}

    deinit { loop.stop() }

    /// Sends `request` and waits for the whole answer, whatever its status.
    ///
    /// - Throws: `.cancelled` when the task is cancelled; every other code as it documents itself.
    package func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        let box = Locked<CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>?>(nil)
        let transfer = Transfer(
            request: request,
            receiver: .whole { result in
                let continuation = box.withLock { value in
                    defer { value = nil }
                    return value
                }
                continuation?.resume(returning: result)
            })
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                box.withLock { $0 = continuation }
                loop.start(transfer)
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        return try result.get()
    }

    /// Sends `request` and waits for the head of the answer; the body comes piece by piece.
    ///
    /// - Parameters:
    ///   - request: Its deadline bounds the time until the head has come, not the body.
    ///   - idle: What to do when nothing comes for a while after the head.
    /// - Returns: The answer with its head known and its body to be read.
    /// - Throws: As `send(_:)`; `.timedOut` when the head has not come by the request's deadline.
    package func stream(_ request: HTTPRequest, idle: IdlePolicy = .wait) async throws(HTTPError) -> HTTPStream {
        let buffer = StreamBuffer(idle: idle)
        let transfer = Transfer(request: request, receiver: .stream(buffer))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                buffer.waitForHead(continuation)
                loop.start(transfer)
            }
        } onCancel: {
            loop.cancel(transfer)
        }
        let (status, headers) = try result.get()
        return HTTPStream(status: status, headers: headers, client: self, transfer: transfer, buffer: buffer)
    }
}
