// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import Logging

/// One request to the gateway, before it is known which endpoint gets it.
struct Call: Sendable {
    var path: String
    var body: [UInt8]
    /// What it does, after "cannot": "read the keys a/".
    var what: String
    /// Whether doing it twice does no harm.
    var isRepeatable: Bool
    /// Whether the answer reflects all that was committed before, so that its revision cannot be lower.
    var isLinearizable = true
    /// Whether a member without leader shall refuse at once instead of waiting for one.
    var needsLeader = true
    var needsLogin = true
    /// Whether etcd puts a header into the answer; one that lacks it comes from something else.
    var hasHeader = true
}

extension EtcdClient {
    /// The shortest time in which a member can be expected to answer.
    private static let leastAttempt = Duration.milliseconds(20)

    /// Carries out `call` at some endpoint before the deadline.
    func perform<A: Answer>(_ call: Call, _ type: A.Type = A.self) async throws(EtcdError) -> A {
        let start = ContinuousClock.now
        var failures = 0
        var mayHaveHappened = false
        var last: EtcdError?
        var refusedToken: String?
        var isFreshToken = false
        if !call.isRepeatable, let problem = identity.problem { throw problem }
        while true {
            let remaining = configuration.requestTimeout - (ContinuousClock.now - start)
            // Another attempt that nobody could answer in time would only put what is known in doubt.
            guard remaining > (failures == 0 ? .zero : Self.leastAttempt) else {
                throw expired(call, last, mayHaveHappened)
            }
            let index = endpoints.preferred
            var error: EtcdError
            var usedToken: String?
            do {
                let token = try await token(for: call, replacing: refusedToken)
                usedToken = token
                let floor = call.isLinearizable ? identity.revision : nil
                let asked = ContinuousClock.now
                let result = try await attempt(
                    call, type, at: index, token: token, limit: share(of: remaining, call, failures))
                endpoints.answered(index)
                switch result {
                case .success(let answer):
                    try identity.check(
                        answer.header, floor: floor, endpoint: endpoints.urls[index],
                        mayHaveHappened: !call.isRepeatable)
                    if call.isLinearizable { identity.confirmed(asked) }
                    return answer
                case .failure(let refusal):
                    error = EtcdError(refusal, doing: call.what, at: endpoints.urls[index])
                    if refusal.wantsLogin, token == nil {
                        error = missingLogin(call, at: endpoints.urls[index])
                    } else if refusal.wantsLogin {
                        // A simple token is as good as it was: etcd notes with each request how far its users were when it came.
                        if !refusal.isOfFormerRights || !Self.isSimple(token) { refusedToken = token }
                        // Certainly not done. Once more at once with a new token; if that is not taken either, the member
                        // has not heard of it yet, and the usual pause gives it time.
                        if !isFreshToken {
                            isFreshToken = true
                            continue
                        }
                    }
                }
            } catch let caught {
                error = caught
                if error.code == .timedOut, let usedToken { await tokens.doubt(usedToken) }
            }
            mayHaveHappened = mayHaveHappened || error.mayHaveHappened
            failures += 1
            // A wrong certificate at one member says nothing of the others.
            let othersMayDo = error.isTransient || (error.code == .tls && failures < endpoints.urls.count)
            guard othersMayDo, call.isRepeatable || !mayHaveHappened else {
                // Give the next call a better start.
                if error.isTransient { endpoints.failed(index) }
                error.mayHaveHappened = mayHaveHappened
                throw error
            }
            logger.debug(
                "etcd attempt failed, trying on",
                metadata: ["etcd.endpoint": "\(endpoints.urls[index])", "error.message": "\(error.message)"])
            endpoints.failed(index)
            // What an answering member says is worth more to the user than that another one is down.
            if last == nil || error.code != .unreachable { last = error }
            if failures % endpoints.urls.count == 0 {
                let left = configuration.requestTimeout - (ContinuousClock.now - start)
                try await pause(round: failures / endpoints.urls.count, atMost: left, call)
            }
        }
    }

    /// Whether `token` is one of etcd's simple ones, which end with a place in raft's log.
    static func isSimple(_ token: String?) -> Bool { raftIndex(of: token) != nil }

    /// The place in raft's log at which a simple token was given; `nil` for a JSON web token.
    static func raftIndex(of token: String?) -> UInt64? {
        guard let token, let dot = token.lastIndex(of: ".") else { return nil }
        return UInt64(token[token.index(after: dot)...])
    }

    /// Sends `call` to one endpoint, once.
    func attempt<A: Answer>(
        _ call: Call, _ type: A.Type, at index: Int, token: String?, limit: Duration
    ) async throws(EtcdError) -> Result<A, Refusal> {
        var request = self.request(call, at: index, token: token)
        request.deadline = limit
        request.connectTimeout = min(configuration.connectTimeout, limit)
        if configuration.gate != nil {
            request.headers.append(HTTPHeader(GatedStore.patienceField, "\(limit.wholeMilliseconds)"))
        }
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw EtcdError(error, doing: call.what)
        }
        if configuration.gate == nil {
            clock.note(response.headers.first(named: "Date"))
        } else if let time = response.headers.first(named: GatedStore.timeField).flatMap({ Int64($0) }) {
            clock.note(seconds: time)
        }
        guard response.status == 200 else {
            return .failure(Refusal(status: response.status, body: response.body))
        }
        let answer: A
        do {
            answer = try A(response.body)
        } catch {
            throw malformed(call, error)
        }
        if let refusal = answer.refusal { return .failure(refusal) }
        guard !call.hasHeader || answer.header.clusterID != 0 else {
            throw malformed(call, JSONError(offset: 0, expected: "a header with a cluster id"))
        }
        return .success(answer)
    }

    func request(_ call: Call, at index: Int, token: String?) -> HTTPRequest {
        request(call, to: endpoints.urls[index], token: token)
    }

    func request(_ call: Call, to url: String, token: String?) -> HTTPRequest {
        var headers = [HTTPHeader("Content-Type", "application/json")]
        // The gateway hands fields of this prefix on to gRPC, where etcd looks for them.
        if call.needsLeader { headers.append(HTTPHeader("Grpc-Metadata-hasleader", "true")) }
        if let token, !token.isEmpty { headers.append(HTTPHeader("Authorization", token)) }
        return HTTPRequest(
            method: "POST", url: url + (configuration.gate?.path ?? "") + call.path, headers: headers, body: call.body,
            tls: configuration.tls, bodyLimit: configuration.answerLimit, isRepeatable: call.isRepeatable)
    }

    /// How much of the time that is left one attempt may take.
    ///
    /// A write is not repeated once it may have happened, so it may use all; connecting has its own limit.
    private func share(of remaining: Duration, _ call: Call, _ failures: Int) -> Duration {
        guard call.isRepeatable else { return remaining }
        return remaining / (endpoints.urls.count - failures % endpoints.urls.count)
    }

    func malformed(_ call: Call, _ error: JSONError) -> EtcdError {
        EtcdError(
            code: .malformedAnswer,
            message: "cannot \(call.what): etcd's answer is not as expected at byte \(error.offset), where "
                + "\(error.expected) should be",
            isTransient: false, mayHaveHappened: true)
    }

    private func expired(_ call: Call, _ last: EtcdError?, _ mayHaveHappened: Bool) -> EtcdError {
        if var last {
            last.mayHaveHappened = mayHaveHappened
            return last
        }
        return EtcdError(
            code: .timedOut, message: "cannot \(call.what): no time left", isTransient: true,
            mayHaveHappened: mayHaveHappened)
    }

    /// Waits after every endpoint has failed: 50 ms, doubled each round up to 800 ms, give or take a quarter.
    func pause(round: Int, atMost limit: Duration, _ call: Call) async throws(EtcdError) {
        let milliseconds = 50 << min(max(round - 1, 0), 4)
        let spread = Int.random(in: -milliseconds / 4...milliseconds / 4)
        do {
            try await Task.sleep(for: min(.milliseconds(milliseconds + spread), limit))
        } catch {
            throw EtcdError(
                code: .cancelled, message: "cannot \(call.what): cancelled", isTransient: false, mayHaveHappened: false)
        }
    }
}
