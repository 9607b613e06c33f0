// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a request got no answer.
///
/// An answer with a status of 400 or more is an answer, not an error.
package struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// The host was reached and refused the connection: nobody listens there.
        case connectionRefused
        /// No way to the host, or the unix socket does not exist or may not be opened.
        case hostUnreachable
        case resolveFailed
        /// The deadline, the connect time-out or the idle time-out passed.
        case timedOut
        /// TLS could not be set up, or the server refused our certificate.
        case tls
        /// The task was cancelled, or the stream was given up.
        case cancelled
        /// What came is not HTTP.
        case protocolError
        /// The answer is larger than the request allows.
        case tooLarge
        /// The connection broke before the answer was complete.
        case aborted
        /// The request cannot be sent as it is: URL, header or method is wrong.
        case invalidRequest
    }

    package var code: Code
    /// What failed, on what and why, in one line.
    package var message: String
    /// Whether the same request may succeed later without anybody changing anything.
    package var isTransient: Bool
    /// `false` means that the server certainly did not get the request.
    package var mayHaveReachedServer: Bool

    package init(code: Code, message: String, isTransient: Bool, mayHaveReachedServer: Bool) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
        self.mayHaveReachedServer = mayHaveReachedServer
    }

    package var description: String { message }
}
