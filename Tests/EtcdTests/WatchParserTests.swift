// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Etcd

struct WatchParserTests {
    private static let text = """
        {"result":{"header":{"cluster_id":"1","revision":"3"},"created":true}}
        {"result":{"header":{"revision":"5"},"fragment":true,"events":[{"kv":{"key":"YQ==","mod_revision":"4"}}]}}
        {"result":{"header":{"revision":"5"},"events":[{"type":"DELETE","kv":{"key":"Yg==","mod_revision":"4"}}]}}

        {"result":{"header":{"revision":"9"}}}
        {"error":{"grpc_code":14,"message":"etcdserver: no leader"}}

        """

    private func check(_ messages: [Streamed<WatchAnswer>]) {
        #expect(messages.count == 4)
        guard messages.count == 4 else { return }
        #expect(messages[0].message.isCreated)
        #expect(messages[1].message.events.map(\.key) == ["a", "b"])
        #expect(messages[2].message.events.isEmpty)
        #expect(messages[2].header.revision == 9)
        #expect(messages[3].refusal == Refusal(code: 14, message: "etcdserver: no leader"))
    }

    @Test("messages come out the same wherever the network cuts them", arguments: [1, 2, 3, 7, 64, 100, 10_000])
    func cuts(size: Int) throws {
        let bytes = Array(Self.text.utf8)
        var parser = WatchParser()
        var messages: [Streamed<WatchAnswer>] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            messages += try parser.feed(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        check(messages)
    }

    @Test("an unfinished line waits for its end")
    func unfinished() throws {
        var parser = WatchParser()
        #expect(try parser.feed(Array(#"{"result":{"created":true}}"#.utf8)).isEmpty)
        #expect(try parser.feed(Array("\n".utf8)).map(\.message.isCreated) == [true])
    }

    @Test("a line that is no message is refused")
    func nonsense() {
        #expect(throws: JSONError.self) {
            var parser = WatchParser()
            _ = try parser.feed(Array("hello\n".utf8))
        }
    }
}
