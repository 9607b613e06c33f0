// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

extension EtcdClient {
    /// Asks one endpoint, once, how it is; it needs no quorum and writes nothing.
    ///
    /// `endpoint` is the URL of a member, configured or learnt from `members()`.
    package func probe(_ endpoint: String) async -> EndpointAnswer {
        let call = Call(
            path: "/v3/maintenance/status", body: JSONWriter.object { _ in }, what: "ask \(endpoint) how it is",
            isRepeatable: true, isLinearizable: false, needsLeader: false)
        // A login needs a quorum, and to ask for one here would only cost time: use what there is.
        var request = self.request(call, to: endpoint, token: await tokens.known)
        request.deadline = configuration.probeTimeout
        request.connectTimeout = configuration.probeTimeout
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            return switch error.code {
            case .connectionRefused: .refused
            case .timedOut: .timedOut
            default: .unknown(reason: error.message)
            }
        }
        guard response.status == 200 else {
            let refusal = Refusal(status: response.status, body: response.body)
            return .unknown(reason: EtcdError(refusal, doing: call.what, at: endpoint).message)
        }
        guard let status = try? StatusAnswer(response.body), status.header.clusterID != 0 else {
            return .unknown(reason: "\(endpoint) gave an answer that is not etcd's")
        }
        let (cluster, member) = (status.header.clusterID, status.header.memberID)
        return status.leader == 0
            ? .noLeader(clusterID: cluster, memberID: member)
            : .healthy(leader: status.leader, clusterID: cluster, memberID: member)
    }

    /// The cluster id of the store that has answered; `nil` until one has.
    package var knownClusterID: UInt64? { identity.clusterID }

    /// The newest revision of the store that any answer has shown; 0 before the first.
    package var knownRevision: Int64 { identity.revision }

    /// When the store was last asked something that only one with a leader answers, and answered; `nil` until it has.
    ///
    /// Clients that were made of one another, or for the same store, share it.
    package var lastConfirmation: ContinuousClock.Instant? { identity.lastConfirmation }

    /// Whether another store than the known one answered last; the known one's next linearizable answer ends it.
    package var seesAnotherStore: Bool { identity.problem != nil }

    /// The members of the cluster, as one of them knows them; needs no quorum.
    package func members() async throws(EtcdError) -> [EtcdMember] {
        let call = Call(
            path: "/v3/cluster/member/list", body: JSONWriter.object { _ in }, what: "list etcd's members",
            isRepeatable: true, isLinearizable: false, needsLeader: false)
        return try await perform(call, MembersAnswer.self).members
    }

    /// Identity of the cluster that this client talks to; asks for it when nothing has answered yet.
    ///
    /// An etcd that starts again with an empty folder and the same flags has the same id, so it proves less than one would
    /// think; see `EtcdError.Code.storeReplaced`.
    package func clusterID() async throws(EtcdError) -> UInt64 {
        if let known = identity.clusterID { return known }
        let call = Call(
            path: "/v3/maintenance/status", body: JSONWriter.object { _ in }, what: "ask which cluster this is",
            isRepeatable: true, isLinearizable: false, needsLeader: false)
        return try await perform(call, StatusAnswer.self).header.clusterID
    }

    /// Gives the space of deleted revisions back to the file system; the member answers nobody else meanwhile.
    package func defragment() async throws(EtcdError) {
        let call = Call(
            path: "/v3/maintenance/defragment", body: JSONWriter.object { _ in }, what: "defragment",
            isRepeatable: true, isLinearizable: false, needsLeader: false, hasHeader: false)
        _ = try await perform(call, PlainAnswer.self)
    }
}
