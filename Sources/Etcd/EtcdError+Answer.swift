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

    /// The token is unknown or too old; a new login mends it.
    var wantsLogin: Bool {
        code == 16 || message.contains("user name is empty") || message.contains("invalid auth token")
            || message.contains("revision in header is old")
    }
}

extension EtcdError {
    /// Sorts a refusal of etcd's.
    ///
    /// - Source: etcd, `api/v3rpc/rpctypes/error.go`; what may have happened, from where the server raises each.
    init(_ refusal: Refusal, doing what: String, at endpoint: String) {
        let (code, isTransient, mayHaveHappened) = Self.verdict(on: refusal)
        let advice = code == .noSpace ? "; free its space (compact, defrag), then: etcdctl alarm disarm" : ""
        self.init(
            code: code, message: "etcd at \(endpoint) refused to \(what): \(refusal.message)\(advice)",
            isTransient: isTransient, mayHaveHappened: mayHaveHappened)
    }

    private static func verdict(on refusal: Refusal) -> (Code, isTransient: Bool, mayHaveHappened: Bool) {
        func says(_ texts: String...) -> Bool { texts.contains { refusal.message.contains($0) } }

        if says("HTTP request to an HTTPS server") { return (.tls, false, false) }
        // Raised before anything is proposed.
        if says("no leader") { return (.noLeader, true, false) }
        if says("leader changed") { return (.noLeader, true, true) }
        if says("timed out", "deadline exceeded") { return (.timedOut, true, true) }
        if says("revision has been compacted") { return (.compacted, false, false) }
        if says("lease not found") { return (.leaseNotFound, false, false) }
        if says("database space exceeded") { return (.noSpace, false, false) }
        if says("too many requests", "not supported for learner", "connection refused", "error while dialing") {
            return (.server, true, false)
        }
        // Members learn of a login one after the other, so one that lags behind refuses a token that is good.
        if refusal.wantsLogin { return (.server, true, false) }
        if says("authentication failed") { return (.loginRefused, false, false) }
        if says("permission denied") { return (.permissionDenied, false, false) }
        if says("name not found", "is not granted to the") { return (.notFound, false, false) }
        if says("name already exists") { return (.alreadyExists, false, false) }
        switch refusal.code {
        case 3, 9, 11: return (.invalidRequest, false, false)
        case 5, 6, 12: return (.server, false, false)
        case 7: return (.permissionDenied, false, false)
        case 4: return (.timedOut, true, true)
        case 1, 8, 10, 14: return (.server, true, true)
        default: return (.server, false, true)
        }
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
