// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import Glibc

/// Carries bytes between standard input and output and a unix socket: the far end of fleetctl's tunnel.
package struct SocketForward: Sendable {
    private let path: String

    /// - Parameter address: `unix:/path`, `unix:///path` or the path itself.
    /// - Throws: `ClusterManagerError.usage` for anything else.
    package init(_ address: String) throws {
        let text = address.hasPrefix("file://") ? "unix://" + address.dropFirst("file://".count) : address
        guard let endpoint = try? APIEndpoint(text), case .unix(let path) = endpoint else {
            throw ClusterManagerError(
                .usage, "'\(address)' is no unix socket; give an absolute path, such as /run/flotilla/api.sock")
        }
        self.path = path
    }

    /// Carries until the socket's peer has ended its side.
    ///
    /// The end of `input` is passed on as the end of our side alone, so that an answer still comes back.
    ///
    /// - Throws: `ClusterManagerError.unreachable` when nobody answers at the socket or the connection breaks.
    package func run(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO) throws {
        let socket = try connected()
        defer { close(socket) }
        var readsInput = true
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var waits = [
                pollfd(fd: readsInput ? input : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&waits, 2, -1) >= 0 else {
                if errno == EINTR { continue }
                throw broken()
            }
            if waits[0].revents != 0 {
                let count = try received(from: input, into: &buffer)
                if count > 0 {
                    try send(buffer[..<count], to: socket)
                } else {
                    readsInput = false
                    shutdown(socket, Int32(SHUT_WR))
                }
            }
            if waits[1].revents != 0 {
                let count = try received(from: socket, into: &buffer)
                guard count > 0 else { return }
                try write(buffer[..<count], to: output)
            }
        }
    }

    private func connected() throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw broken() }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The endpoint's reader has seen to it that the path fits.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard outcome == 0 else {
            let why = String(cString: strerror(errno))
            close(descriptor)
            throw ClusterManagerError(
                .unreachable, "nobody answers at unix:\(path): \(why); is node-agent running here?", isTransient: true)
        }
        return descriptor
    }

    private func received(from descriptor: Int32, into buffer: inout [UInt8]) throws -> Int {
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw broken() }
        }
    }

    private func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { throw broken() }
        }
    }

    /// As `write`, but a peer that hung up is an error rather than the end of the process.
    private func send(_ bytes: ArraySlice<UInt8>, to socket: Int32) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { throw broken() }
        }
    }

    private func broken() -> ClusterManagerError {
        ClusterManagerError(
            .unreachable, "the connection to unix:\(path) broke: \(String(cString: strerror(errno)))",
            isTransient: true)
    }
}
