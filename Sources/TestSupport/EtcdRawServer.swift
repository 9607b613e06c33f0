// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import HTTPTransport

/// A server that does to its clients what a test says: answer, hang, break off, talk nonsense.
///
/// It reads whole HTTP requests; what goes back is up to the handler, which runs on a thread per connection and may block.
package final class RawServer: Sendable {
    package struct Request: Sendable {
        /// Request line and header fields, as they came.
        package var head: String
        package var body: [UInt8]

        package var line: String { String(head.prefix { !$0.isNewline }) }
    }

    private struct State {
        var connections = 0
        var requests: [Request] = []
        var open: Set<Int32> = []
    }

    private let listener: Int32
    /// `http://127.0.0.1:port`, or any host's name for a unix socket.
    package let url: String
    /// Path of the socket when it is a unix one.
    package let unixSocket: String?
    private let folder: String?
    private let handler: @Sendable (RawConnection) -> Void
    private let state: Locked<State>

    /// Connections accepted so far.
    package var connectionCount: Int { state.withLock { $0.connections } }
    /// Requests read so far, in the order of their ends.
    package var requests: [Request] { state.withLock { $0.requests } }

    /// Listens on a free loopback port, or on a unix socket, and hands each connection to `handler`.
    package init(unix: Bool = false, handler: @escaping @Sendable (RawConnection) -> Void) throws {
        self.handler = handler
        state = Locked(State())
        let folder = unix ? try temporaryFolder("flotilla-raw") : nil
        self.folder = folder
        unixSocket = folder.map { "\($0)/s" }
        listener = socket(unix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Another test may take a port that was free a moment ago.
        var port = 0
        var isListening = false
        for _ in 0..<(unix ? 1 : 20) where !isListening {
            port = unix ? 0 : try freePorts(1)[0]
            isListening = try Self.bind(listener, port: port, path: unixSocket) == 0 && listen(listener, 128) == 0
        }
        url = unix ? "http://localhost" : "http://127.0.0.1:\(port)"
        guard isListening else {
            throw TestFixtureError("cannot listen: \(String(cString: strerror(errno)))")
        }
        Self.thread { [weak self, listener] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                guard let self else {
                    close(descriptor)
                    break
                }
                self.admit(descriptor)
                let connection = RawConnection(descriptor: descriptor) { [weak self] request in
                    self?.state.withLock { $0.requests.append(request) }
                }
                let handler = self.handler
                // The thread keeps the state: a number that is closed, and may be another socket's by then, must not
                // stand there when the server goes.
                Self.thread { [state = self.state] in
                    handler(connection)
                    state.withLock { state in
                        state.open.remove(descriptor)
                        close(descriptor)
                    }
                }
            }
            // Only here: its number must not be taken by another socket while this thread may still accept.
            close(listener)
        }
    }

    deinit {
        state.withLock { state in
            // Wakes whoever is blocked in a read or write.
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
        if let folder { removeTree(folder) }
    }

    private func admit(_ descriptor: Int32) {
        state.withLock { state in
            state.connections += 1
            state.open.insert(descriptor)
        }
    }

    private static func bind(_ descriptor: Int32, port: Int, path: String?) throws -> Int32 {
        guard let path else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            address.sin_port = UInt16(port).bigEndian
            return withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw TestFixtureError("path too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Box(body))
        let failure = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, context.toOpaque())
        if failure == 0 { pthread_detach(thread) } else { context.release() }
    }
}

/// One client of a `RawServer`.
package final class RawConnection: Sendable {
    private let descriptor: Int32
    private let note: @Sendable (RawServer.Request) -> Void
    private let unread = Locked<[UInt8]>([])

    init(descriptor: Int32, note: @escaping @Sendable (RawServer.Request) -> Void) {
        self.descriptor = descriptor
        self.note = note
    }

    /// The next request; `nil` when the client has gone.
    package func readRequest() -> RawServer.Request? {
        var bytes = unread.withLock { $0 }
        while true {
            if let request = Self.request(in: &bytes) {
                unread.withLock { $0 = bytes }
                note(request)
                return request
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
    }

    /// Waits until the client closes its side.
    package func waitForClose() {
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) > 0 {}
    }

    /// Sends `text`; says whether all of it went out.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Sends an answer with `Content-Length`.
    package func answer(_ body: String, status: String = "200 OK", headers: String = "") {
        send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
    }

    /// Whether bytes could be sent within `milliseconds`.
    package func canSend(within milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }

    private static func request(in bytes: inout [UInt8]) -> RawServer.Request? {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= 4,
            let start = (0...(bytes.count - 4)).first(where: { bytes[$0..<($0 + 4)].elementsEqual(end) })
        else { return nil }
        let head = String(decoding: bytes[..<start], as: UTF8.self)
        var length = 0
        for line in head.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).filter { $0 != " " }) ?? 0
        }
        guard bytes.count >= start + 4 + length else { return nil }
        let body = Array(bytes[(start + 4)..<(start + 4 + length)])
        bytes.removeFirst(start + 4 + length)
        return RawServer.Request(head: head, body: body)
    }
}
