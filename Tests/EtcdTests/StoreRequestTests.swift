// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTransport
import Testing

@testable import Etcd

/// What a gate reads of another program's requests, and how its answers are understood there.
@Suite("Requests that pass a gate")
struct StoreRequestTests {
    private static let transaction = Transaction(
        if: [
            .absent("a"), .present("b"), Comparison("c", .notEqual, .value([0, 1, 255])),
            Comparison("d", .less, .version(3)), Comparison("e", .equal, .modRevision(9)),
        ],
        then: [.put(key: "a", value: [1], lease: LeaseID(7)), .delete(.prefix("x/")), .get(.range("a", before: "b"))],
        otherwise: [.put("b", []), .get(.key("a"))])

    private static let all: [(StoreRequest.Path, StoreRequest)] = [
        (.range, .range(.key("a"), limit: 0, revision: 0, keysOnly: false)),
        (.range, .range(.range("a/", before: "a0"), limit: 10, revision: 5, keysOnly: true)),
        (.transaction, .transaction(transaction.inRanges)),
        (.keepAlive, .keepAlive(LeaseID(1 << 62))), (.revoke, .revoke(LeaseID(-1))),
        (.grant, .grant(ttl: 5, id: .none)),
        (.watch, .watch(.range("a/", before: "a0"), from: 8, inFragments: false)),
        (.watch, .watch(.key("a"), from: 0, inFragments: true)), (.status, .status), (.members, .members),
    ]

    @Test("what the client sends is read as what it means, and written again as the same")
    func roundTrip() throws {
        for (path, request) in Self.all {
            let body = request.call.body
            #expect(try StoreRequest(path, body: body) == request, "\(path)")
            #expect(request.call.path == path.rawValue)
        }
        #expect(Set(Self.all.map(\.0)) == Set(StoreRequest.Path.allCases))
        #expect(StoreRequest.transaction(Self.transaction).leases == [LeaseID(7)])
    }

    @Test("the leases of a request are looked at in its order, each once")
    func leases() {
        func puts(_ leases: [Int64]) -> [Etcd.Operation] {
            leases.map { .put(key: "a", value: [], lease: LeaseID($0)) }
        }
        let numbers = Array((1...20).map { Int64($0 * 7919 % 101) })
        let transaction = Transaction(
            then: [.delete(.key("a"))] + puts(numbers + [0]), otherwise: puts([numbers[3], 500, numbers[0]]))
        #expect(StoreRequest.transaction(transaction).leases == (numbers + [500]).map { LeaseID($0) })
        #expect(StoreRequest.revoke(LeaseID(4)).leases == [LeaseID(4)] && StoreRequest.status.leases.isEmpty)
    }

    @Test(
        "what etcd would take and the gate does not know is refused, a transaction within another first of all",
        arguments: [
            (
                .transaction,
                #"{"success":[{"request_txn":{"success":[{"request_put":{"key":"YQ==","value":"YQ=="}}]}}]}"#
            ),
            (.transaction, #"{"failure":[{"requestTxn":{"success":[]}}]}"#),
            (.transaction, #"{"success":[{"request_put":{"key":"YQ=="},"request_range":{"key":"YQ=="}}]}"#),
            (.transaction, #"{"success":[{}]}"#), (.transaction, #"{"success":[null]}"#),
            (.transaction, #"{"compare":[{"key":"YQ==","range_end":"AA==","target":"VERSION","version":"0"}]}"#),
            (.transaction, #"{"compare":[{"key":"YQ==","target":"LEASE","lease":"1"}]}"#),
            (.transaction, #"{"success":[{"request_put":{"key":"YQ==","ignore_value":true}}]}"#),
            (.range, #"{"key":"YQ==","range_end":"AA=="}"#), (.range, #"{"key":"AA==","range_end":"AA=="}"#),
            (.range, #"{"key":"YQ==","range_end":"YQ=="}"#),
            (.watch, #"{"create_request":{"key":"YQ==","range_end":"YQ=="}}"#),
            (.transaction, #"{"success":[{"request_delete_range":{"key":"YQ==","range_end":"YQ=="}}]}"#),
            (.range, #"{"key":"Yg==","range_end":"YQ=="}"#), (.range, #"{"range_end":"YQ=="}"#),
            (.range, #"{"key":"/w=="}"#), (.range, #"{"key":"YQ==","count_only":true}"#),
            (.range, #"{"key":"YQ=="} {"key":"Yg=="}"#), (.range, #"["YQ=="]"#), (.range, ""), (.range, "{"),
            (.watch, #"{"create_request":{"key":"YQ==","range_end":"AA=="}}"#),
            (.watch, #"{"create_request":{"key":"YQ=="}} {"create_request":{"key":"Yg=="}}"#),
            (.watch, #"{"cancel_request":{"watch_id":"1"}}"#),
            (.watch, #"{"create_request":{"key":"YQ==","prev_kv":true}}"#),
            (.grant, #"{"TTL":"5","ID":"3"}"#), (.grant, "{}"), (.keepAlive, #"{"ID":"0"}"#),
            (.revoke, #"{"ID":"1","x":{}}"#), (.status, #"{"x":1}"#), (.members, #"{"linearizable":true}"#),
        ] as [(StoreRequest.Path, String)])
    func refused(path: StoreRequest.Path, body: String) {
        let error = #expect(throws: EtcdError.self) { try StoreRequest(path, body: Array(body.utf8)) }
        #expect(error?.code == .invalidRequest && error?.mayHaveHappened == false, "\(error?.message ?? "")")
    }

    @Test("a transaction has as many operations as etcd takes, and a key has a length")
    func bounds() throws {
        let most = Transaction.operationLimit
        for (count, isTaken) in [(most, true), (most + 1, false)] {
            let body = Transaction(then: Array(repeating: .get(.key("a")), count: count)).requestBody
            #expect(((try? StoreRequest(.transaction, body: body)) != nil) == isTaken)
        }
        for (length, isTaken) in [(1024, true), (1025, false)] {
            let request = StoreRequest.range(
                .key(String(repeating: "k", count: length)), limit: 0, revision: 0, keysOnly: false)
            #expect(((try? StoreRequest(.range, body: request.call.body)) != nil) == isTaken)
        }
    }

    @Test("a right covers the keys that are all its own")
    func coverage() {
        let run = EtcdPermission(.read, .prefix("a/"))
        let one = EtcdPermission(.write, .key("a"))
        let whole = EtcdPermission(.readWrite, .prefix(""))
        let inside: [KeySelector] = [
            .key("a/"), .key("a/x"), .prefix("a/"), .prefix("a/b"), .range("a/x\0", before: "a0"),
        ]
        for keys in inside { #expect(run.covers(keys) && whole.covers(keys), "\(keys)") }
        let outside: [KeySelector] = [
            .key("a"), .key("a0"), .prefix("a"), .prefix(""), .range("a/x", before: "a00"), .range("Z", before: "a0"),
        ]
        for keys in outside { #expect(!run.covers(keys), "\(keys)") }
        #expect(one.covers(.key("a")) && !one.covers(.key("b")) && !one.covers(.prefix("a")))
        #expect(!one.covers(.range("a", before: "b")) && whole.covers(.prefix("")))
        #expect(run.mayRead && !run.mayWrite && one.mayWrite && !one.mayRead && whole.mayRead && whole.mayWrite)
    }

    @Test("what went wrong behind a gate means at the client what it meant at the gate")
    func errors() {
        func told(_ code: EtcdError.Code, _ message: String, isTransient: Bool, mayHaveHappened: Bool) -> EtcdError {
            let (status, body) = EtcdError(
                code: code, message: message, isTransient: isTransient, mayHaveHappened: mayHaveHappened
            ).gateAnswer
            return EtcdError(Refusal(status: status, body: body), doing: "x", at: "gate")
        }
        // Whether it may have been done is what a second try depends on, whatever the words are.
        for code: EtcdError.Code in [.unreachable, .timedOut, .tls, .loginRefused] {
            for message in ["connection refused", "timed out", "\"odd\"\n"] {
                let done = told(code, message, isTransient: true, mayHaveHappened: true)
                #expect(done.mayHaveHappened && done.isTransient, "\(done)")
                let undone = told(code, message, isTransient: false, mayHaveHappened: false)
                #expect(!undone.mayHaveHappened && undone.isTransient, "\(undone)")
            }
        }
        let words: [(EtcdError.Code, String)] = [
            (.leaseNotFound, "etcdserver: requested lease not found"),
            (.compacted, "etcdserver: mvcc: required revision has been compacted"),
            (.noSpace, "etcdserver: mvcc: database space exceeded"),
            (.permissionDenied, "etcdserver: permission denied"),
        ]
        for (code, message) in words {
            let error = told(code, "etcd at e refused to x: \(message)", isTransient: false, mayHaveHappened: false)
            #expect(error.code == code && !error.isTransient && !error.mayHaveHappened, "\(error)")
        }
        let noLeader = told(.noLeader, "etcdserver: no leader", isTransient: true, mayHaveHappened: false)
        #expect(noLeader.code == .noLeader && noLeader.isTransient && !noLeader.mayHaveHappened)
        let large = told(.answerTooLarge, "64 MiB", isTransient: false, mayHaveHappened: true)
        #expect(large.code == .answerTooLarge)
    }

    @Test(
        "what the gate's own server refuses is nobody's doubt, and another gate may do better where it is not for who asks",
        arguments: [
            (401, .loginRefused, false), (403, .permissionDenied, false), (400, .invalidRequest, false),
            (404, .unreachable, true), (429, .unreachable, true), (503, .unreachable, true),
        ] as [(Int, EtcdError.Code, Bool)])
    func refusals(status: Int, code: EtcdError.Code, isTransient: Bool) {
        let body = Array(#"{"error":{"code":\#(status),"message":"no"}}"#.utf8)
        let error = EtcdError(Refusal(status: status, body: body), doing: "x", at: "gate")
        #expect(error.code == code && error.isTransient == isTransient && !error.mayHaveHappened)
    }

    @Test("what a gate says of a member is read as it was said, and nothing is made of anything else")
    func members() {
        let answers: [EndpointAnswer] = [
            .healthy(leader: .max, clusterID: 2, memberID: 3), .noLeader(clusterID: 2, memberID: .max), .refused,
            .timedOut, .unknown(reason: "a \"b\""),
        ]
        for answer in answers { #expect(EndpointAnswer(gateAnswer: answer.gateAnswer) == answer) }
        let others = [
            "", "{}", #"{"state":"down"}"#, #"{"state":"no-leader"}"#,
            #"{"state":"healthy","cluster_id":"1","member_id":"1"}"#,
            #"{"error":{"code":503,"message":"refused"}}"#,
        ]
        for other in others { #expect(EndpointAnswer(gateAnswer: Array(other.utf8)) == nil, "\(other)") }
    }
}

extension Transaction {
    /// The same, with prefixes as the runs of keys that they are on the wire.
    fileprivate var inRanges: Transaction {
        func operation(_ operation: Operation) -> Operation {
            if case .delete(.prefix(let prefix)) = operation {
                return .delete(.range(prefix, before: String(prefix.dropLast()) + "0"))
            }
            return operation
        }
        return Transaction(if: comparisons, then: then.map(operation), otherwise: otherwise.map(operation))
    }
}
