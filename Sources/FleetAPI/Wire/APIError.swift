// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Why a request to the API did not succeed.
package struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// The text that names an endpoint cannot be understood.
        case invalidEndpoint
        /// Nobody answers at the endpoint.
        case unreachable
        /// The deadline passed before the answer was complete.
        case timedOut
        /// The connection broke before the answer was complete; what was asked for may have been done.
        case connectionLost
        /// The caller cancelled.
        case cancelled
        /// The server answers but cannot work, as a rule because it cannot reach etcd (status 503).
        case unavailable
        /// No such unit (status 404).
        case notFound
        /// The request does not fit the present state (status 409).
        case conflict
        /// An operation has the unit on its way (status 409, with the operation's name).
        case held
        /// The server refuses what was asked for (any other status 4xx).
        case refused
        /// The server failed (any other status 5xx).
        case server
        /// The answer is not what the API promises: another program answers there, or another version.
        case malformedAnswer
    }

    package var code: Code
    /// The status of the answer, where there was one.
    package var status: Int?
    /// The endpoint in its canonical form, or the text given for one.
    package var endpoint: String
    /// One line: what failed, on what, why, and what to do.
    package var message: String

    package init(code: Code, status: Int? = nil, endpoint: String, message: String) {
        self.code = code
        self.status = status
        self.endpoint = endpoint
        self.message = message
    }

    /// Whether the same request may succeed later without anybody changing anything.
    package var isTransient: Bool {
        switch code {
        case .unreachable, .timedOut, .connectionLost, .unavailable: true
        case .invalidEndpoint, .cancelled, .notFound, .conflict, .held, .refused, .server, .malformedAnswer: false
        }
    }

    package var description: String { message }
}
