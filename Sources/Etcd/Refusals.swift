// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What etcd means by one of its refusals, and what the client does about it.
///
/// One table for requests and watches, of etcd 3.4 to 3.6. Servers word one thing in several ways: a login that is out of date is
/// "etcdserver: revision of auth store is old" (3.4) or "auth: revision in header is old" (3.5), and the reason of a watch's end
/// comes wrapped as "rpc error: code = ... desc = ...". So a rule holds for every text that has its words in it, and each rule is
/// there because a server said so: the tests have real ones say them.
struct RefusalRule: Hashable, Sendable {
    /// What the client does with a refused request.
    enum Remedy: String, Hashable, Sendable {
        /// Certainly not done: sent again with a new login.
        case login
        /// Certainly not done, and it passes: tried again, at another member or after a pause.
        case again
        /// It passes, but may have been done: only what does no harm when done twice is tried again.
        case ifHarmless
        /// Certainly not done, and it stays so until somebody changes something.
        case tell
        /// It may have been done, and another attempt would be refused alike.
        case tellInDoubt
    }

    /// Any of them, somewhere in the text.
    var words: [String]
    var code: EtcdError.Code
    var remedy: Remedy
    /// What the user can do, where etcd's own text does not say so.
    var advice = ""

    /// The first rule that fits counts.
    static let all: [RefusalRule] = [
        RefusalRule(words: ["HTTP request to an HTTPS server"], code: .tls, remedy: .tell),
        // Raised before anything is proposed.
        RefusalRule(words: ["no leader"], code: .noLeader, remedy: .again),
        RefusalRule(words: ["leader changed"], code: .noLeader, remedy: .ifHarmless),
        RefusalRule(words: ["timed out", "deadline exceeded"], code: .timedOut, remedy: .ifHarmless),
        RefusalRule(words: ["revision has been compacted"], code: .compacted, remedy: .tell),
        RefusalRule(words: ["lease not found"], code: .leaseNotFound, remedy: .tell),
        // Both alarms are looked at before a write is carried out, by every member alike.
        RefusalRule(
            words: ["database space exceeded"], code: .noSpace, remedy: .tell,
            advice: "free its space (compact, defrag), then: etcdctl alarm disarm"),
        RefusalRule(
            words: ["corrupt cluster"], code: .corrupt, remedy: .tell,
            advice: "its members hold different data: restore the one that differs, then: etcdctl alarm disarm"),
        RefusalRule(
            words: ["too many requests", "not supported for learner", "connection refused", "error while dialing"],
            code: .server, remedy: .again),
        // A server with TLS that is told to end says so of what is under way, watches among it.
        RefusalRule(words: streamEnd, code: .server, remedy: .ifHarmless),
        // Looked at when a request is carried out, before it changes anything. Any change of etcd's users or rights makes every
        // JSON web token that was given before too old, and a request under way with any token.
        RefusalRule(words: staleLogin, code: .server, remedy: .login),
        // Members learn of a login one after the other, so one that lags behind refuses a token that is good.
        RefusalRule(words: ["invalid auth token", "user name is empty"], code: .server, remedy: .login),
        RefusalRule(words: ["authentication failed"], code: .loginRefused, remedy: .tell),
        // The answer to a login where nobody needs one.
        RefusalRule(words: ["authentication is not enabled"], code: .invalidRequest, remedy: .tell),
        RefusalRule(words: ["permission denied"], code: .permissionDenied, remedy: .tell),
        RefusalRule(words: ["name not found", "is not granted to the"], code: .notFound, remedy: .tell),
        RefusalRule(words: ["name already exists"], code: .alreadyExists, remedy: .tell),
    ]

    /// Said by a gate in front of etcd, which knows best what became of a request (`EtcdError.gateAnswer`); these come first.
    static let ofGates: [RefusalRule] = [
        RefusalRule(words: [notPassedOn], code: .unreachable, remedy: .again),
        RefusalRule(words: [passedInDoubt], code: .unreachable, remedy: .ifHarmless),
        RefusalRule(words: [tooLargeToPass], code: .answerTooLarge, remedy: .tell),
    ]

    static let notPassedOn = "the gate did not pass it on"
    static let passedInDoubt = "the gate cannot tell whether it was done"
    static let tooLargeToPass = "the gate does not pass on so large an answer"
    static let streamEnd = ["closed the stream without sending trailers"]
    static let staleLogin = ["revision of auth store is old", "revision in header is old"]

    /// What a refusal without words of the table is taken for, by its gRPC code.
    private static func byCode(_ code: Int) -> RefusalRule {
        let (meaning, remedy): (EtcdError.Code, Remedy) =
            switch code {
            case 3, 9, 11: (.invalidRequest, .tell)
            case 5, 6, 12: (.server, .tell)
            case 7: (.permissionDenied, .tell)
            case 16: (.server, .login)
            case 4: (.timedOut, .ifHarmless)
            case 1, 8, 10, 14: (.server, .ifHarmless)
            // HTTP's own, of a gate in front of etcd, which has looked at the request and sent nothing on.
            case 400, 413: (.invalidRequest, .tell)
            case 401: (.loginRefused, .tell)
            case 403: (.permissionDenied, .tell)
            case 404, 421, 429, 503: (.unreachable, .again)
            default: (.server, .tellInDoubt)
            }
        return RefusalRule(words: [], code: meaning, remedy: remedy)
    }

    /// The rule for `refusal`.
    static func rule(for refusal: Refusal) -> RefusalRule {
        (ofGates + all).first { $0.words.contains { refusal.message.contains($0) } } ?? byCode(refusal.code)
    }
}

extension Refusal {
    /// The token is unknown or too old; a new login mends it.
    var wantsLogin: Bool { RefusalRule.rule(for: self).remedy == .login }

    /// etcd's users or rights have changed since the request was taken, or since its token was given.
    var isOfFormerRights: Bool { RefusalRule.rule(for: self).isOfFormerRights }
}

extension RefusalRule {
    fileprivate var isOfFormerRights: Bool { words == Self.staleLogin }
}
