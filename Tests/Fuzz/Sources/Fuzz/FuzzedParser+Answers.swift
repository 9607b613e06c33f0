// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

@testable import Etcd

extension FuzzedParser {
    /// What etcd, or something that is none, answers.
    static var answers: [FuzzedParser] {
        [
            FuzzedParser(
                name: "etcd-watch",
                seeds: [
                    #"{"result":{"header":{"cluster_id":"1","revision":"7"},"events":[{"kv":{"key":"YQ==","mod_revision":"7"}}]}}"#
                        + "\n",
                    #"{"result":{"created":true,"fragment":true,"events":[{"type":"DELETE","kv":{"key":"YQ=="}}]}}"#
                        + "\n",
                    #"{"error":{"grpc_code":14,"message":"x"}}"# + "\n",
                ],
                feed: { bytes in
                    var whole = WatchParser()
                    var pieces = WatchParser()
                    let all = try? whole.feed(bytes)
                    // Where the bytes are cut is chance and must change nothing.
                    var some: [Streamed<WatchAnswer>]? = []
                    let middle = bytes.count / 2
                    for part in [bytes[..<middle], bytes[middle...]] {
                        guard some != nil, let answers = try? pieces.feed(Array(part)) else {
                            some = nil
                            break
                        }
                        some?.append(contentsOf: answers)
                    }
                    if let all, let some {
                        require(all.map(\.message.events) == some.map(\.message.events), "cutting matters")
                    }
                }),
            answer(
                RangeAnswer.self,
                #"{"header":{"cluster_id":"1"},"kvs":[{"key":"YQ==","value":"Yg==","version":"1"}],"more":true}"#),
            answer(
                TransactionAnswer.self,
                #"{"succeeded":true,"responses":[{"response_put":{}},{"response_range":{"kvs":[]}}]}"#),
            answer(LeaseAnswer.self, #"{"ID":"7587","TTL":"5","grantedTTL":"5"}"#),
            answer(StatusAnswer.self, #"{"header":{"member_id":"1"},"version":"3.4.23","dbSize":"20","leader":"1"}"#),
            answer(
                MembersAnswer.self, #"{"members":[{"ID":"1","name":"a","clientURLs":["http://a:1"],"isLearner":true}]}"#
            ),
            answer(AuthAnswer.self, #"{"roles":["a"],"perm":[{"permType":"WRITE","key":"YQ==","range_end":"Yg=="}]}"#),
            FuzzedParser(
                name: "etcd-refusal",
                seeds: [
                    #"{"error":"why","message":"why","code":5}"#, #"{"error":{"grpc_code":5,"message":"why"}}"#,
                    "<html>",
                ],
                feed: { bytes in
                    let error = EtcdError(Refusal(status: 503, body: bytes), doing: "read", at: "http://a:1")
                    _ = error.message
                }),
        ]
    }

    private static func answer<A: Answer & SendableMetatype>(_ type: A.Type, _ seed: String) -> FuzzedParser {
        FuzzedParser(
            name: "\(type)", seeds: [seed, "{}", #"{"x":[{"y":1.5e3}],"# + seed.dropFirst()],
            feed: { bytes in _ = try? A(bytes) })
    }
}
