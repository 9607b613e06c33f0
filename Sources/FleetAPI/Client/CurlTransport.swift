// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
package import HTTPTransport

/// Carries requests over HTTP, by unix socket or TCP.
package struct CurlTransport: APITransport {
    private let client: HTTPClient
    private let endpoint: APIEndpoint
    private let tls: TLSSettings?
    private let silence: IdlePolicy

    /// - Parameters:
    ///   - endpoint: Where the server answers.
    ///   - tls: Whom to trust and what to show at an endpoint with TLS.
    ///   - silence: After so long without a byte a stream ends with an error; `nil` lets it wait for ever.
    package init(endpoint: APIEndpoint, tls: TLSSettings? = nil, silence: Duration? = nil) {
        self.endpoint = endpoint
        self.tls = tls
        self.silence = silence.map { .fail(after: $0) } ?? .wait
        self.client = HTTPClient()
    }

    package func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        do {
            let answer = try await client.send(http(request))
            return TransportResponse(
                status: answer.status, headers: answer.headers.map { (name: $0.name, value: $0.value) },
                body: answer.body)
        } catch {
            throw TransportFailure(error)
        }
    }

    package func stream(_ request: TransportRequest) async throws(TransportFailure) -> TransportStream {
        do {
            let stream = try await client.stream(http(request), idle: silence)
            let body = AsyncThrowingStream<[UInt8], any Error> {
                do throws(HTTPError) {
                    return try await stream.next()
                } catch {
                    throw TransportFailure(error)
                }
            }
            return TransportStream(
                status: stream.status, headers: stream.headers.map { (name: $0.name, value: $0.value) }, body: body)
        } catch {
            throw TransportFailure(error)
        }
    }

    private func http(_ request: TransportRequest) -> HTTPRequest {
        var unixSocket: String?
        let authority: String
        var scheme = "http"
        switch endpoint {
        case .unix(let path):
            unixSocket = path
            authority = "localhost"
        case .tcp(let host, let port):
            authority = APIEndpoint.authority(host, port)
        case .tls(let host, let port):
            scheme = "https"
            authority = APIEndpoint.authority(host, port)
        }
        return HTTPRequest(
            method: request.method, url: "\(scheme)://\(authority)\(request.target)",
            headers: request.headers.map { HTTPHeader($0.name, $0.value) }, body: request.body,
            deadline: request.deadline, unixSocket: unixSocket, tls: scheme == "https" ? tls : nil,
            isRepeatable: request.isRepeatable)
    }
}

extension TransportFailure {
    init(_ error: HTTPError) {
        let kind: Kind =
            switch error.code {
            case .connectionRefused, .hostUnreachable, .resolveFailed, .invalidRequest: .unreachable
            case .tls: .untrusted
            case .timedOut: error.mayHaveReachedServer ? .timedOut : .unreachable
            case .cancelled: .cancelled
            case .protocolError, .tooLarge, .aborted: .broken
            }
        self.init(kind, error.message)
    }
}

extension FleetClient {
    /// Talks to the server at `endpoint` over HTTP.
    ///
    /// - Parameters:
    ///   - endpoint: Where the server answers.
    ///   - deadline: How long one request may take.
    package init(endpoint: APIEndpoint, deadline: Duration = .seconds(30)) {
        self.init(endpoint: endpoint, transport: CurlTransport(endpoint: endpoint), deadline: deadline)
    }
}
