// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Where an API server answers.
///
/// The same forms serve `--endpoint` and `FLOTILLA_ENDPOINT` of the command line and `FLOTILLA_API_LISTEN` of the agent.
package enum APIEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// A unix socket, by absolute path.
    case unix(path: String)
    /// Plain HTTP over TCP. An IPv6 address stands here without brackets.
    case tcp(host: String, port: UInt16)
    /// HTTP over TLS 1.3, both ends with a certificate. An IPv6 address stands here without brackets.
    case tls(host: String, port: UInt16)

    /// Where `node-agent` answers when nothing else is said.
    package static let standard = APIEndpoint.unix(path: "/run/flotilla/api.sock")

    /// The longest path that the kernel takes for a unix socket, in bytes.
    private static let longestSocketPath = 107

    /// Reads `unix:/path`, `unix:///path`, `/path`, `tcp:host:port`, `http://host:port`, `tls:host:port`, `https://host:port`.
    ///
    /// - Throws: `APIError` with code `.invalidEndpoint`; its message says what is wrong and which forms there are.
    package init(_ text: String) throws(APIError) {
        if text.hasPrefix("/") {
            self = try Self.socket(path: text, text)
        } else if let rest = text.withoutPrefix("unix://") ?? text.withoutPrefix("unix:") {
            self = try Self.socket(path: rest, text)
        } else if let rest = text.withoutPrefix("tcp://") ?? text.withoutPrefix("tcp:") {
            let (host, port) = try Self.address(rest, text)
            self = .tcp(host: host, port: port)
        } else if let rest = text.withoutPrefix("http://") {
            let (host, port) = try Self.address(rest.hasSuffix("/") ? String(rest.dropLast()) : rest, text)
            self = .tcp(host: host, port: port)
        } else if let rest = text.withoutPrefix("tls://") ?? text.withoutPrefix("tls:") {
            let (host, port) = try Self.address(rest, text)
            self = .tls(host: host, port: port)
        } else if let rest = text.withoutPrefix("https://") {
            let (host, port) = try Self.address(rest.hasSuffix("/") ? String(rest.dropLast()) : rest, text)
            self = .tls(host: host, port: port)
        } else {
            throw Self.invalid(text, text.isEmpty ? "it is empty" : "its kind is unknown")
        }
    }

    private static func socket(path: String, _ text: String) throws(APIError) -> APIEndpoint {
        guard path.hasPrefix("/") else { throw invalid(text, "the path of a unix socket must be absolute") }
        guard path.utf8.count <= longestSocketPath, !path.utf8.contains(0) else {
            throw invalid(text, "the path of a unix socket has at most \(longestSocketPath) bytes")
        }
        return .unix(path: path)
    }

    private static func address(
        _ address: String, _ text: String
    ) throws(APIError) -> (host: String, port: UInt16) {
        guard let colon = address.lastIndex(of: ":") else { throw invalid(text, "it has no port") }
        guard let port = UInt16(address[address.index(after: colon)...]), port > 0 else {
            throw invalid(text, "the port must be a number from 1 to 65535")
        }
        var host = String(address[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { throw invalid(text, "brackets are for IPv6 addresses") }
        } else if host.contains(":") {
            throw invalid(text, "an IPv6 address needs brackets, as in tcp:[::1]:49153")
        }
        let allowed = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || byte == 0x2d || byte == 0x2e || byte == 0x3a || byte == 0x5f || byte == 0x25
        }
        guard !host.isEmpty, allowed else { throw invalid(text, "the host must be a name or an address") }
        return (host, port)
    }

    private static func invalid(_ text: String, _ why: String) -> APIError {
        APIError(
            code: .invalidEndpoint, endpoint: text,
            message: "'\(text)' is no API endpoint: \(why); use unix:/path, tls:host:port or tcp:host:port")
    }

    /// In the canonical form, which `init(_:)` reads back.
    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): "tcp:\(Self.authority(host, port))"
        case .tls(let host, let port): "tls:\(Self.authority(host, port))"
        }
    }

    /// Host and port as URLs have them.
    package static func authority(_ host: String, _ port: UInt16) -> String {
        "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}

extension String {
    fileprivate func withoutPrefix(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
