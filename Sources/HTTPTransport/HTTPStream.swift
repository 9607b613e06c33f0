// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// An answer whose body is still coming.
///
/// One task at a time reads it, by `next()` or by `for try await`. The connection is closed when the last reference goes.
/// A reader that lags behind slows the server down; nothing piles up here.
package final class HTTPStream: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = HTTPError

    package let status: Int
    package let headers: [HTTPHeader]
    /// Keeps the thread alive.
    private let client: HTTPClient
    private let transfer: Transfer
    private let buffer: StreamBuffer

    init(status: Int, headers: [HTTPHeader], client: HTTPClient, transfer: Transfer, buffer: StreamBuffer) {
        self.status = status
        self.headers = headers
        self.client = client
        self.transfer = transfer
        self.buffer = buffer
    }

    deinit { client.loop.cancel(transfer) }

    /// The next bytes of the body as they came in; `nil` at its end.
    ///
    /// An empty piece says that nothing came for as long as `IdlePolicy.report` names. Cancelling the task ends the stream.
    package func next() async throws(HTTPError) -> [UInt8]? {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if buffer.read(continuation) { client.loop.resume(transfer) }
            }
        } onCancel: {
            client.loop.cancel(transfer)
        }
        return try result.get()
    }

    /// Ends the stream; a reader gets `.cancelled`.
    package func cancel() { client.loop.cancel(transfer) }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }

    package struct AsyncIterator: AsyncIteratorProtocol {
        let stream: HTTPStream

        package mutating func next() async throws(HTTPError) -> [UInt8]? { try await stream.next() }

        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(HTTPError) -> [UInt8]? {
            try await stream.next()
        }
    }
}
