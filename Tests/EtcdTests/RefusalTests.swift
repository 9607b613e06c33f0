// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Etcd

struct RefusalTests {
    @Test(
        "every form in which a gateway refuses is understood",
        arguments: [
            #"{"error":"why","message":"why","code":5}"#, #"{"code":5,"message":"why","details":[]}"#,
            #"{"error":{"grpc_code":5,"http_code":404,"message":"why","http_status":"Not Found"}}"#,
            #"{"error":{"code":5,"message":"why","details":[{"@type":"x"}]}}"#,
        ])
    func forms(body: String) {
        #expect(Refusal(status: 404, body: Array(body.utf8)) == Refusal(code: 5, message: "why"))
    }

    @Test("a body that is no refusal of etcd's is quoted, in one short line")
    func foreign() {
        let refusal = Refusal(status: 502, body: Array("<html>bad\nline two".utf8))
        #expect(refusal.message == "HTTP status 502: <html>bad")
        #expect(Refusal(status: 500, body: []).message == "HTTP status 500: no text")
        #expect(Refusal(status: 400, body: [UInt8](repeating: 0x61, count: 5_000)).message.count < 300)
    }

    /// Code, text, and then: sorted as, passing, may have happened.
    @Test(
        "refusals are sorted by what they mean for the caller",
        arguments: [
            (14, "etcdserver: no leader", EtcdError.Code.noLeader, true, false),
            (14, "etcdserver: leader changed", .noLeader, true, true),
            (14, "etcdserver: request timed out", .timedOut, true, true),
            (14, "etcdserver: request timed out, possibly due to connection lost", .timedOut, true, true),
            (4, "context deadline exceeded", .timedOut, true, true),
            (11, "etcdserver: mvcc: required revision has been compacted", .compacted, false, false),
            (11, "etcdserver: mvcc: required revision is a future revision", .invalidRequest, false, false),
            (5, "etcdserver: requested lease not found", .leaseNotFound, false, false),
            (8, "etcdserver: mvcc: database space exceeded", .noSpace, false, false),
            (2, "etcdserver: too many requests", .server, true, false),
            (7, "etcdserver: permission denied", .permissionDenied, false, false),
            (3, "etcdserver: authentication failed, invalid user ID or password", .loginRefused, false, false),
            (16, "etcdserver: invalid auth token", .server, true, false),
            (3, "etcdserver: revision of auth store is old", .server, true, false),
            (2, "auth: revision in header is old", .server, true, false),
            (14, "rpc error: code = InvalidArgument desc = etcdserver: user name is empty", .server, true, false),
            (2, "auth: permission denied", .permissionDenied, false, false),
            (15, "etcdserver: corrupt cluster", .corrupt, false, false),
            (9, "etcdserver: user name not found", .notFound, false, false),
            (9, "etcdserver: role name not found", .notFound, false, false),
            (9, "etcdserver: role is not granted to the user", .notFound, false, false),
            (9, "etcdserver: permission is not granted to the role", .notFound, false, false),
            (9, "etcdserver: role name already exists", .alreadyExists, false, false),
            (9, "etcdserver: root user does not exist", .invalidRequest, false, false),
            (3, "etcdserver: request is too large", .invalidRequest, false, false),
            (14, "etcdserver: server stopped", .server, true, true),
            (14, "connection error: desc = \"transport: error while dialing\"", .server, true, false),
            (12, "unknown service", .server, false, false),
            (13, "something broke inside", .server, false, true),
            (13, "server closed the stream without sending trailers", .server, true, true),
            (3, "Client sent an HTTP request to an HTTPS server.", .tls, false, false),
        ] as [(Int, String, EtcdError.Code, Bool, Bool)])
    func sorting(number: Int, text: String, code: EtcdError.Code, isTransient: Bool, mayHaveHappened: Bool) {
        let error = EtcdError(Refusal(code: number, message: text), doing: "write a", at: "http://x:1")
        #expect(error.code == code)
        #expect(error.isTransient == isTransient)
        #expect(error.mayHaveHappened == mayHaveHappened)
        let advice =
            switch code {
            case .noSpace: "; free its space (compact, defrag), then: etcdctl alarm disarm"
            case .corrupt:
                "; its members hold different data: restore the one that differs, then: etcdctl alarm disarm"
            default: ""
            }
        #expect(error.message == "etcd at http://x:1 refused to write a: \(text)\(advice)")
    }
}
