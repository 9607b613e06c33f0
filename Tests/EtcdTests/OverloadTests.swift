// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import Etcd

/// An etcd that has more requests to carry out than it takes: 5,000 that are agreed upon and wait.
@Suite("an etcd that is overloaded", .timeLimit(.minutes(5)))
struct OverloadTests {
    private static let varieties = EtcdVariety.all.filter { $0.tokens == .simple }

    @Test("refuses with words of the table; what it refused is sent again until it is taken", arguments: varieties)
    func overload(variety: EtcdVariety) async throws {
        let server = try await EtcdServer.start(variety.options())
        let client = try server.client(timeout: .seconds(120))
        for start in stride(from: 0, to: 64 * 1024, by: 128) {
            _ = try await client.commit(
                Transaction(then: (start..<start + 128).map { .put(key: "many/\($0)", value: [1], lease: .none) }))
        }
        var refusal: Refusal?
        for _ in 0..<5 where refusal == nil {
            refusal = try await overloaded(server, client) {
                let refusal = try await Self.refusal(of: client)
                if refusal != nil { try await client.put("patient", [1]) }
                return refusal
            }
        }
        let refused = try #require(refusal, "\(variety) took everything")
        #expect(refused.message.contains("too many requests"), "\(refused)")
        let rule = RefusalRule.rule(for: refused)
        #expect(rule.code == .server && rule.remedy == .again, "\(refused)")
        #expect(try await client.get(.key("patient"), revision: 0).keys.map(\.value) == [[1]])
    }

    /// Runs `body` while the server is kept from its work by requests that take it long, and has thousands waiting behind them.
    private func overloaded<Answer: Sendable>(
        _ server: EtcdServer, _ client: EtcdClient, _ body: () async throws -> Answer
    ) async throws -> Answer {
        let slow = Call(
            path: "/v3/kv/txn",
            body: JSONWriter.object {
                $0.array("success", of: Array(0..<128)) { writer, number in
                    guard number > 0 else { return writer.operation(.put(key: "slow", value: [1], lease: .none)) }
                    writer.object("request_range") {
                        $0.range(start: Array("many/".utf8), end: Array("many0".utf8))
                        $0.bool("count_only", true)
                    }
                }
            },
            what: "count", isRepeatable: true)
        let work = (0..<4).map { _ in
            Task { try await client.attempt(slow, PlainAnswer.self, at: 0, token: nil, limit: .seconds(60)) }
        }
        let flood = try Flood(port: UInt16(server.clientPort), puts: 5_500)
        defer { flood.close() }
        let answer = try await body()
        for task in work { _ = try? await task.joined() }
        return answer
    }

    /// Writes one value after the other, each tried once, until one is refused; `nil` when none is.
    private static func refusal(of client: EtcdClient) async throws -> Refusal? {
        let call = Call(
            path: "/v3/kv/put", body: JSONWriter.object { $0.put(key: "hasty", value: [1], lease: .none) },
            what: "write", isRepeatable: true)
        for _ in 0..<40 {
            // One that is taken waits behind all others: its answer is of no interest.
            let result = try? await client.attempt(
                call, PlainAnswer.self, at: 0, token: nil, limit: .milliseconds(250))
            if case .failure(let refusal) = result { return refusal }
        }
        return nil
    }
}

/// Thousands of writes that are under way at once, over one connection: gRPC itself, since the JSON gateway takes one a connection.
private struct Flood {
    private let descriptor: Int32

    /// - Parameters:
    ///   - port: Where etcd listens, at 127.0.0.1, without TLS.
    ///   - puts: How many writes; their bodies fit into the window of 65,535 bytes that HTTP/2 begins with.
    /// - Throws: `TestFixtureError` when the connection does not take them.
    init(port: UInt16, puts: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7f00_0001 as UInt32).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(.settings, stream: 0, [])
        // Headers by their numbers in HPACK's table, the others by their names; nothing is to be remembered.
        let headers: [UInt8] =
            [0x83, 0x86, 0x04] + Self.text("/etcdserverpb.KV/Put") + [0x01] + Self.text("localhost")
            + [0x0f, 0x10] + Self.text("application/grpc") + [0x00] + Self.text("te") + Self.text("trailers")
        // A message of 6 bytes: field 1, the key, and field 2, the value.
        let put: [UInt8] = [0, 0, 0, 0, 6] + [0x0a, 1, 0x66, 0x12, 1, 0x31]
        for number in 0..<puts {
            let stream = UInt32(2 * number + 1)
            bytes += Self.frame(.headers, flags: 0x4, stream: stream, headers)
            bytes += Self.frame(.data, flags: 0x1, stream: stream, put)
        }
        guard isConnected, Self.write(bytes, to: descriptor) else {
            close()
            throw TestFixtureError("etcd did not take \(puts) writes at once: \(String(cString: strerror(errno)))")
        }
    }

    func close() { _ = Glibc.close(descriptor) }

    private enum Kind: UInt8 {
        case data = 0
        case headers = 1
        case settings = 4
    }

    private static func frame(_ kind: Kind, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff), kind.rawValue, flags]
            + [24, 16, 8, 0].map { UInt8(stream >> $0 & 0xff) } + payload
    }

    private static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
