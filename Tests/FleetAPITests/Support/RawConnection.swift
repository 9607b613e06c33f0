// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Glibc

/// A connection that sends what it is told, however wrong, to see what the server makes of it.
struct RawConnection: Sendable {
    private let descriptor: Int32

    /// Connects to a server's unix socket.
    init(_ endpoint: APIEndpoint) throws {
        guard case .unix(let path) = endpoint else { throw Refused() }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let descriptor = descriptor
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Refused() }
    }

    private struct Refused: Error {}

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// What comes next, waiting for something; empty when the server has closed.
    @concurrent
    func read() async -> String {
        // Polling in short steps keeps the thread free for others, some of whom run the server.
        while true {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { return String(decoding: buffer[..<count], as: UTF8.self) }
            guard count < 0, errno == EAGAIN || errno == EINTR else { return "" }
            do { try await Task.sleep(for: .milliseconds(2)) } catch { return "" }
        }
    }

    /// Everything until the server closes; then closes too.
    func readToEnd() async -> String {
        var text = ""
        while true {
            let part = await read()
            guard !part.isEmpty else { break }
            text += part
        }
        end()
        return text
    }

    func end() { close(descriptor) }
}
