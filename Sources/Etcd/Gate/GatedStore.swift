// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

/// How a client reaches a store that others ask for it: its endpoints are theirs then, and they send on what it may ask.
///
/// A request and its answer are the same as at etcd, so the client does all else as it does there.
package struct GatedStore: Hashable, Sendable {
    /// What comes before etcd's own path at each endpoint, such as `/flotilla/v1/machines/ID/store`.
    package var path: String
    /// URLs of etcd's members, of which a gate is asked how they are.
    ///
    /// Their order gives them their numbers, so that what several gates say is about the same member.
    package var members: [String]

    package init(path: String, members: [String]) {
        self.path = path
        self.members = members
    }

    /// Where a gate is asked how a member is, after `path`.
    package static let memberPath = "/member"

    /// Reads after which member a client asks.
    ///
    /// - Throws: `.invalidRequest` for a body that names none.
    package static func member(in body: [UInt8]) throws(EtcdError) -> String {
        guard let question = try? MemberQuestion(body), !question.endpoint.isEmpty else {
            throw EtcdError(
                code: .invalidRequest, message: "the question names no member of etcd", isTransient: false,
                mayHaveHappened: false)
        }
        return question.endpoint
    }

    /// How long the client waits for the answer, in milliseconds, so that the gate tries another member in time.
    package static let patienceField = "Flotilla-Patience"

    /// What time it is at etcd, in seconds since 1970, as the gate knows it.
    package static let timeField = "Flotilla-Store-Time"
}

extension EtcdClient {
    /// URLs of etcd's members, as far as they are known here.
    package var memberURLs: [String] { configuration.gate?.members ?? configuration.endpoints }

    /// The endpoint to which the next question goes.
    ///
    /// One question about all members goes to one gate: what two say of different moments, or from different places, is not to be
    /// put together.
    package var preferredEndpoint: Int { endpoints.preferred }

    /// Asks how a member is, once: the member itself, or of a gated store a gate that asks it now.
    ///
    /// A gate that cannot be asked, or says anything else than what the member said, proves nothing.
    ///
    /// - Parameters:
    ///   - url: One of `memberURLs`.
    ///   - endpoint: Of a gated store the number of the gate.
    /// - Returns: What the member said; `.timedOut` or `.unknown` where it is not known.
    package func probe(member url: String, by endpoint: Int) async -> EndpointAnswer {
        guard configuration.gate != nil else { return await probe(url) }
        let gate = endpoints.urls[endpoint]
        let call = Call(
            path: GatedStore.memberPath, body: JSONWriter.object { $0.string("endpoint", url) },
            what: "have \(gate) ask \(url) how it is", isRepeatable: true, isLinearizable: false, needsLeader: false,
            needsLogin: false, hasHeader: false)
        var request = self.request(call, to: gate, token: nil)
        // The gate waits as long for the member as this client would.
        request.deadline = configuration.probeTimeout * 3 / 2
        request.connectTimeout = configuration.probeTimeout
        do {
            let response = try await http.send(request)
            if response.status == 200, let answer = EndpointAnswer(gateAnswer: response.body) { return answer }
            endpoints.failed(endpoint)
            return .unknown(reason: "\(gate) does not say how \(url) is (status \(response.status))")
        } catch {
            endpoints.failed(endpoint)
            return error.code == .timedOut ? .timedOut : .unknown(reason: error.message)
        }
    }
}

extension EndpointAnswer {
    /// What a gate says of a member.
    package var gateAnswer: [UInt8] {
        JSONWriter.object { writer in
            func numbers(_ cluster: UInt64, _ member: UInt64) {
                writer.string("cluster_id", "\(cluster)")
                writer.string("member_id", "\(member)")
            }
            switch self {
            case .healthy(let leader, let cluster, let member):
                writer.string("state", "healthy")
                writer.string("leader", "\(leader)")
                numbers(cluster, member)
            case .noLeader(let cluster, let member):
                writer.string("state", "no-leader")
                numbers(cluster, member)
            case .refused: writer.string("state", "refused")
            case .timedOut: writer.string("state", "silent")
            case .unknown(let reason):
                writer.string("state", "unknown")
                writer.string("reason", reason)
            }
        }
    }

    /// Reads what a gate says; `nil` for anything else.
    init?(gateAnswer body: [UInt8]) {
        guard let message = try? MemberMessage(body) else { return nil }
        let hasNumbers = message.cluster != 0 && message.member != 0
        switch message.state {
        case "healthy" where hasNumbers && message.leader != 0:
            self = .healthy(leader: message.leader, clusterID: message.cluster, memberID: message.member)
        case "no-leader" where hasNumbers: self = .noLeader(clusterID: message.cluster, memberID: message.member)
        case "refused": self = .refused
        case "silent": self = .timedOut
        case "unknown": self = .unknown(reason: message.reason)
        default: return nil
        }
    }
}

private struct MemberQuestion: Answer {
    var header = AnswerHeader()
    var endpoint = ""

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        if name == "endpoint" { endpoint = try reader.string() } else { try reader.skip() }
    }
}

/// What a gate says of a member, field by field.
private struct MemberMessage: Answer {
    var header = AnswerHeader()
    var state = ""
    var reason = ""
    var leader: UInt64 = 0
    var cluster: UInt64 = 0
    var member: UInt64 = 0

    mutating func read(_ name: String, from reader: inout JSONReader) throws(JSONError) {
        switch name {
        case "state": state = try reader.string()
        case "reason": reason = try reader.string()
        case "leader": leader = try reader.integer()
        case "cluster_id": cluster = try reader.integer()
        case "member_id": member = try reader.integer()
        default: try reader.skip()
        }
    }
}
