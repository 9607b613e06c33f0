// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import Glibc
import Testing

@Suite("fd-forward")
struct SocketForwardTests {
    @Test("nobody at the socket is status 3, what is no socket status 1; each in one line")
    func refused() async throws {
        let gone = try await Command.run([Command.clusterManager, "fd-forward", "/nowhere/api.sock"])
        #expect(gone.status == 3)
        #expect(gone.errors.hasPrefix("cluster-manager: nobody answers at unix:/nowhere/api.sock: No such file"))
        let wrong = try await Command.run([Command.clusterManager, "fd-forward", "tcp:h:1"])
        #expect(wrong.status == 1)
        #expect(wrong.errors.hasPrefix("cluster-manager: 'tcp:h:1' is no unix socket"))
    }

    @Test("bytes go both ways, and the end of the input is told to the peer")
    func carries() async throws {
        try await Fixtures.withFolder([:]) { folder in
            let path = "\(folder)/s"
            let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(bound == 0 && listen(listener, 1) == 0)
            // Reads to the end, then answers with as much: more than a pipe holds, so that the reading must go on.
            async let peer = BlockingWork.run {
                let connection = accept(listener, nil, nil)
                defer { close(connection) }
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while case let count = read(connection, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
                    guard count > 0 else { break }
                    rest = rest.dropFirst(count)
                }
                return bytes.count
            }
            let text = String(repeating: "0123456789abcdef", count: 30_000)
            let outcome = try await Command.run([Command.clusterManager, "fd-forward", "unix://\(path)"], input: text)
            #expect(outcome.status == 0 && outcome.output == text, "\(outcome.errors)")
            #expect(await peer == text.utf8.count)
        }
    }
}
