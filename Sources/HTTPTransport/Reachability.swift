// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whether somebody listens at an address; for choosing among several, before anything is asked.
package enum Reachability {
    /// Tries to connect, and hangs up.
    ///
    /// - Parameters:
    ///   - host: Name or address.
    ///   - port: Port.
    ///   - patience: How long to try, in milliseconds.
    /// - Returns: Whether a connection came about in that time.
    package static func answers(_ host: String, _ port: UInt16, within patience: Int32) -> Bool {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var result: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &result) == 0, let target = result?.pointee else { return false }
        defer { freeaddrinfo(result) }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(target.ai_family, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if connect(descriptor, target.ai_addr, target.ai_addrlen) == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, patience) == 1 else { return false }
        var fault: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &length) == 0 && fault == 0
    }
}
