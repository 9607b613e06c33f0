// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Why the API cannot be served at an address.
package struct ListenerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// Plain TCP beyond loopback, which nobody has allowed.
        case exposed
        /// A live server answers at the unix socket.
        case inUse
        /// Something that is no socket stands at the path, or the path cannot be used.
        case badPath
        /// The certificate or key for TLS is missing or cannot be used.
        case badIdentity
    }

    package var code: Code
    /// What failed, on what, why and what to do, in one line.
    package var message: String
    /// Another server may end; the rest is for people to mend.
    package var isTransient: Bool { code == .inUse }

    package var description: String { message }
}

/// What is to be done at an address around binding to it.
enum Listener {
    /// Only the owner and the group may connect.
    static let socketMode: mode_t = 0o660

    /// Whether `host` can be reached from this machine alone.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Checks that the address may be used; takes away a socket file that a dead server left behind.
    static func prepare(_ endpoint: APIEndpoint, allowsRemote: Bool) throws(ListenerError) {
        switch endpoint {
        case .tcp(let host, _):
            guard allowsRemote || isLoopback(host) else {
                throw ListenerError(
                    code: .exposed,
                    message: "cannot serve the API at \(endpoint): anybody who reaches that address could run "
                        + "programs here, since plain TCP asks for no proof; use tls:, a unix socket or loopback, or "
                        + "say --insecure")
            }
        case .tls: return
        case .unix(let path):
            try removeStaleSocket(path, endpoint)
        }
    }

    private static func removeStaleSocket(_ path: String, _ endpoint: APIEndpoint) throws(ListenerError) {
        var info = stat()
        guard lstat(path, &info) == 0 else {
            guard errno == ENOENT else { throw badPath(endpoint, "\(reason())") }
            return
        }
        guard info.st_mode & S_IFMT == S_IFSOCK else { throw badPath(endpoint, "something that is no socket is there") }
        switch connect(to: path) {
        case 0:
            throw ListenerError(
                code: .inUse,
                message:
                    "cannot serve the API at \(endpoint): another server answers there; stop it or name another path")
        case ECONNREFUSED:
            guard unlink(path) == 0 || errno == ENOENT else {
                throw badPath(endpoint, "the socket of a dead server cannot be removed (\(reason()))")
            }
        case ENOENT:
            return
        case let code:
            throw badPath(endpoint, "the socket that is there cannot be tried (\(reason(code)))")
        }
    }

    /// Tries to connect to the socket at `path`: 0 or the error number.
    private static func connect(to path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full queue of connections is a sign of life.
        return result == 0 || errno == EAGAIN ? 0 : errno
    }

    /// Gives the socket file that was just bound its mode.
    static func protect(_ endpoint: APIEndpoint) throws(ListenerError) {
        guard case .unix(let path) = endpoint else { return }
        guard chmod(path, socketMode) == 0 else { throw badPath(endpoint, "its mode cannot be set (\(reason()))") }
    }

    /// Takes the socket file away after the server has ended.
    static func cleanUp(_ endpoint: APIEndpoint) {
        guard case .unix(let path) = endpoint else { return }
        unlink(path)
    }

    private static func badPath(_ endpoint: APIEndpoint, _ why: String) -> ListenerError {
        ListenerError(code: .badPath, message: "cannot serve the API at \(endpoint): \(why)")
    }

    private static func reason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
}
