// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Glibc

/// A connection that sends what it is told, however wrong, to see what the server makes of it.
struct RawConnection: Sendable {
    private let descriptor: Int32

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - endpoint: A unix socket, or a port of loopback; what TLS the server would want is left out.
    ///   - source: Last number of the loopback address that the connection comes from, for a port.
    /// - Throws: `Refused`.
    init(_ endpoint: APIEndpoint, from source: UInt8 = 1) throws {
        let port: UInt16
        switch endpoint {
        case .unix(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            guard Self.withUnixAddress(path, { [descriptor] in connect(descriptor, $0, $1) }) == 0 else {
                throw Refused(code: errno)
            }
            return
        case .tcp(_, let number), .tls(_, let number): port = number
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.withLoopback(source, 0, { [descriptor] in bind(descriptor, $0, $1) }) == 0,
            Self.withLoopback(1, port, { [descriptor] in connect(descriptor, $0, $1) }) == 0
        else { throw Refused(code: errno) }
    }

    struct Refused: Error {
        var code: Int32
    }

    private static func withUnixAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func withLoopback(
        _ last: UInt8, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7f00_0000 + UInt32(last)).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Whether the server has closed by now; what it said before is thrown away.
    var isClosedByServer: Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count <= 0 { return count == 0 || errno == ECONNRESET }
        }
    }

    /// Whether something has come that was not read yet.
    var hasAnswer: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) > 0
    }

    /// Allows as many open files as the system lets this process have; who holds a thousand connections needs it.
    static func raiseFileLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

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

    /// Sends what fits just now.
    ///
    /// `false` when the connection has ended.
    func offer(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        return count >= 0 || errno == EAGAIN || errno == EINTR
    }

    /// Ends without a farewell, as a process does that is killed with something still unread: the other side is reset.
    func reset() {
        var never = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &never, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
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
