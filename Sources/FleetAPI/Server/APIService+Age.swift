// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

/// How old answers are.
///
/// While etcd is away what is known of the cluster is still worth an answer, but not without its age: a machine that has gone
/// down since then would show as alive.
extension APIService {
    /// Puts the age on an answer that tells of the cluster's state; one without a date is of now.
    func dated(_ reply: ServerReply, to request: ServerRequest) async -> ServerReply {
        let segments = RequestPath(request.path).segments
        guard request.method == "GET" || request.method == "HEAD", (200..<300).contains(reply.status),
            ["fleet", "v1-alpha", "flotilla"].contains(segments.first),
            // What machines ask one another is about themselves, and must not wait for an etcd that is away.
            segments.dropFirst(2).first != "peer", let staleness = await access.staleness()
        else { return reply }
        var reply = reply
        reply.headers.append((name: API.asOfHeader, value: Self.moment(staleness.asOf)))
        // RFC 9111, section 5.1: in seconds, so that no two clocks need be compared.
        reply.headers.append((name: "Age", value: String(staleness.age)))
        return reply
    }

    /// Whether the cluster can be read and changed.
    func health() async throws(ServerFailure) -> ServerReply {
        guard let staleness = await access.staleness() else { return try health(reason: nil) }
        return try health(
            reason: ServerFailure.unavailable(staleness.reason).message
                + "; it has not answered for \(staleness.silence) s, and what is known is as of \(Self.moment(staleness.asOf))"
        )
    }

    private static func moment(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }
}
