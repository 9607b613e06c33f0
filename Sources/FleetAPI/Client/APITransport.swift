// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Carries requests to one endpoint and answers back.
///
/// A seam, so that the client's own logic is tested without a socket; `CurlTransport` is the real one.
package protocol APITransport: Sendable {
    /// Sends `request` and waits for the whole answer, of whatever status.
    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse

    /// Sends `request` and returns as soon as the answer's head is there; the request's deadline covers that much only.
    func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream
}

/// One HTTP request, without its address.
package struct TransportRequest: Sendable {
    package var method: String
    /// Percent-encoded, with the query if there is one.
    package var target: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// How long the exchange may take.
    package var deadline: Duration
    /// Whether the request may go out a second time when a kept connection turns out to be dead; `nil` goes by the method.
    package var isRepeatable: Bool?

    package init(
        method: String, target: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        deadline: Duration, isRepeatable: Bool? = nil
    ) {
        self.isRepeatable = isRepeatable
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.deadline = deadline
    }
}

/// What whole answers and those that come in parts have in common.
package protocol TransportAnswer: Sendable {
    var status: Int { get }
    var headers: [(name: String, value: String)] { get }
    /// Who gave it, where the transport has several to ask; `nil` for the one that the client names.
    var endpoint: String? { get set }
}

extension TransportAnswer {
    /// The first header of that name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// A whole answer.
package struct TransportResponse: TransportAnswer {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    package var endpoint: String?

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// An answer whose body comes in parts.
package struct TransportStream: TransportAnswer {
    package var status: Int
    package var headers: [(name: String, value: String)]
    /// The body's parts as they come.
    ///
    /// A failure is thrown as `TransportFailure`. Dropping the stream ends the exchange.
    package var body: AsyncThrowingStream<[UInt8], any Error>
    package var endpoint: String?

    package init(
        status: Int, headers: [(name: String, value: String)] = [], body: AsyncThrowingStream<[UInt8], any Error>
    ) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Why an exchange gave no answer at all.
package struct TransportFailure: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// No connection could be made.
        case unreachable
        /// Somebody answers, and one side does not believe the other's certificate; nothing was sent.
        case untrusted
        /// The deadline passed.
        case timedOut
        /// The caller cancelled.
        case cancelled
        /// The connection was made but broke, or what came was not HTTP.
        case broken
    }

    package var kind: Kind
    package var message: String
    /// Who was asked, as in `TransportAnswer`.
    package var endpoint: String?

    package init(_ kind: Kind, _ message: String, endpoint: String? = nil) {
        self.kind = kind
        self.message = message
        self.endpoint = endpoint
    }

    /// The same, of the one that was asked.
    package func asked(of endpoint: String?) -> TransportFailure {
        TransportFailure(kind, message, endpoint: self.endpoint ?? endpoint)
    }
}
