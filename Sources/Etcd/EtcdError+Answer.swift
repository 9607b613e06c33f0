// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

/// What a refusing answer says: gRPC's status code and a text.
///
/// The gateway sends it in three forms: plain, inside `error` of a stream, and (etcd 3.6) without `error`.
struct Refusal: Error, Hashable {
    /// Source: gRPC's status codes, `google/rpc/code.proto`.
    var code = 2
    var message = ""

    init(code: Int = 2, message: String) {
        self.code = code
        self.message = message
    }

    /// Reads the body of an answer whose HTTP status was `status`, not 200.
    init(status: Int, body: [UInt8]) {
        var reader = JSONReader(body)
        guard reader.peek() == UInt8(ascii: "{"), let refusal = try? Refusal(from: &reader) else {
            let text = String(decoding: body.prefix(200), as: UTF8.self).split(whereSeparator: \.isNewline).first
            self.init(code: status == 503 ? 14 : 2, message: "HTTP status \(status): \(text ?? "no text")")
            return
        }
        self = refusal
    }

    init(from reader: inout JSONReader) throws(JSONError) {
        try reader.object { (name, reader) throws(JSONError) in
            switch name {
            case "code", "grpc_code": code = try reader.integer()
            case "message": message = try reader.string()
            case "error":
                if reader.peek() == UInt8(ascii: "{") {
                    self = try Refusal(from: &reader)
                } else {
                    message = try reader.string()
                }
            default: try reader.skip()
            }
        }
    }
}

extension EtcdError {
    /// Sorts a refusal of etcd's by the table `RefusalRule.all`.
    init(_ refusal: Refusal, doing what: String, at endpoint: String) {
        let rule = RefusalRule.rule(for: refusal)
        let advice = rule.advice.isEmpty ? "" : "; " + rule.advice
        self.init(
            code: rule.code, message: "etcd at \(endpoint) refused to \(what): \(refusal.message)\(advice)",
            isTransient: rule.remedy == .login || rule.remedy == .again || rule.remedy == .ifHarmless,
            mayHaveHappened: rule.remedy == .ifHarmless || rule.remedy == .tellInDoubt)
    }

    init(_ error: HTTPError, doing what: String) {
        let code: Code =
            switch error.code {
            case .connectionRefused, .hostUnreachable, .resolveFailed, .aborted: .unreachable
            case .timedOut: .timedOut
            case .tls: .tls
            case .cancelled: .cancelled
            case .protocolError: .malformedAnswer
            case .tooLarge: .answerTooLarge
            case .invalidRequest: .invalidRequest
            }
        self.init(
            code: code, message: "cannot \(what): \(error.message)", isTransient: error.isTransient,
            mayHaveHappened: error.mayHaveReachedServer)
    }
}
