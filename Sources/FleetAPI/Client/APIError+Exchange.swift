// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

extension APIError {
    /// What a failed exchange means to the user who wanted `action`, such as "destroy unit web.service".
    ///
    /// The failure's own endpoint goes before that of `client`.
    init(_ failure: TransportFailure, action: String, of client: FleetClient) {
        let endpoint = failure.endpoint ?? client.endpoint.description
        let advice = client.advice.map { "; \($0)" } ?? ""
        let code: Code
        let message: String
        switch failure.kind {
        case .unreachable:
            code = .unreachable
            message =
                "cannot \(action): nobody answers at \(endpoint) (\(failure.message)); "
                + "is node-agent running there?\(client.advice.map { " \($0)" } ?? "")"
        case .untrusted:
            code = .unreachable
            message =
                "cannot \(action): \(endpoint) answers, but not with TLS that both sides believe (\(failure.message)); "
                + "see that the clocks of both are right, and that certificate and address are of one cluster\(advice)"
        case .timedOut:
            code = .timedOut
            message =
                "cannot \(action): no answer from \(endpoint) in time (\(failure.message)); "
                + "it may have been done all the same, so look before you repeat it"
        case .cancelled:
            code = .cancelled
            message = "cannot \(action): cancelled"
        case .broken:
            code = .connectionLost
            message = "cannot \(action): the exchange with \(endpoint) broke off (\(failure.message))\(advice)"
        }
        self.init(code: code, endpoint: endpoint, message: message)
    }

    /// What an answer of status 400 or above means to the user who wanted `action`.
    init(status: Int, reason: String, isHeld: Bool = false, action: String, endpoint: String) {
        let code: Code =
            switch status {
            case 404: .notFound
            case 409: isHeld ? .held : .conflict
            case 503: .unavailable
            case 400..<500: .refused
            case 500...: .server
            default: .malformedAnswer
            }
        let why = reason.isEmpty ? "the server gives no reason" : reason
        self.init(
            code: code, status: status, endpoint: endpoint,
            message: "cannot \(action): \(why) (status \(status) from \(endpoint))")
    }
}
