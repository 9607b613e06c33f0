// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore
import FoundationEssentials
import Glibc
import Testing

@testable import FleetAPIServer

@Suite("Addresses that are served")
struct ListenerTests {
    private func mode(of path: String) -> mode_t? {
        var info = stat()
        return stat(path, &info) == 0 ? info.st_mode & 0o777 : nil
    }

    /// Leaves a socket file behind, as a server does that was killed.
    private func leaveDeadSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        try #require(bound == 0)
    }

    @Test(
        "what is loopback",
        arguments: [
            ("127.0.0.1", true), ("127.8.9.10", true), ("::1", true), ("localhost", true), ("0.0.0.0", false),
            ("::", false),
            ("10.0.0.1", false), ("127.0.0.1.example.org", false), ("127.example", false), ("example.org", false),
        ])
    func loopback(host: String, expected: Bool) {
        #expect(Listener.isLoopback(host) == expected)
    }

    @Test("plain TCP beyond loopback is refused unless it is allowed")
    func exposure() throws {
        let everywhere = APIEndpoint.tcp(host: "0.0.0.0", port: 1)
        let error = #expect(throws: ListenerError.self) { try Listener.prepare(everywhere, allowsRemote: false) }
        #expect(error?.code == .exposed)
        try Listener.prepare(everywhere, allowsRemote: true)
        try Listener.prepare(.tcp(host: "127.0.0.1", port: 1), allowsRemote: false)
    }

    @Test("only owner and group may use the socket, and it goes with the server")
    func socketFile() async throws {
        try await withTemporaryFolder { folder async throws in
            let endpoint = APIEndpoint.unix(path: "\(folder)/own.sock")
            try await withServer(MemoryCluster(), at: endpoint) { _ async throws in
                #expect(mode(of: "\(folder)/own.sock") == 0o660)
            }
            #expect(mode(of: "\(folder)/own.sock") == nil)
        }
    }

    @Test("a dead server's socket is taken over")
    func deadSocket() async throws {
        try await withTemporaryFolder { folder async throws in
            let path = "\(folder)/dead.sock"
            try leaveDeadSocket(at: path)
            try #require(mode(of: path) != nil)
            try await withServer(MemoryCluster(), at: .unix(path: path)) { endpoint async throws in
                #expect(try await Asker(at: endpoint)("GET", "/healthz").status == 200)
            }
        }
    }

    @Test("a live server's socket is left alone")
    func liveSocket() async throws {
        try await withServer(MemoryCluster()) { endpoint async throws in
            let error = #expect(throws: ListenerError.self) { try Listener.prepare(endpoint, allowsRemote: false) }
            #expect(error?.code == .inUse)
            await #expect(throws: ListenerError.self) {
                try await withServer(MemoryCluster(), at: endpoint) { _ async throws in }
            }
            #expect(try await Asker(at: endpoint)("GET", "/healthz").status == 200)
        }
    }

    @Test("a file that is no socket is left alone")
    func otherFile() async throws {
        try await withTemporaryFolder { folder async throws in
            let path = "\(folder)/precious"
            try "data".write(toFile: path, atomically: false, encoding: .utf8)
            let error = #expect(throws: ListenerError.self) {
                try Listener.prepare(.unix(path: path), allowsRemote: false)
            }
            #expect(error?.code == .badPath)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "data")
        }
    }
}
