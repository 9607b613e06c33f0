// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How to reach other machines with the system's ssh: fleetctl's flags, and what they are to ssh(1).
///
/// What the user leaves unsaid stays unsaid to ssh, so that `~/.ssh/config`, keys, agents and jump hosts work as ever.
/// fleetctl's own defaults (user `core`, a known_hosts file of its own) are not taken over.
package struct SSHSettings: Hashable, Sendable {
    /// Whom to log in as; `nil` leaves it to ssh.
    package var username: String?
    /// File of known host keys; `nil` leaves it to ssh.
    package var knownHostsFile: String?
    /// Whether to refuse a host whose key is unknown or another than before; `nil` leaves it to ssh, which asks.
    package var strictHostKeyChecking: Bool?
    /// Seconds for making a connection.
    package var timeout: Double
    /// The machine through which everything goes; `nil` for a direct way.
    package var tunnel: SSHHost?

    /// fleetctl's `--ssh-timeout` unless said otherwise.
    package static let standardTimeout = 10.0

    package init(
        username: String? = nil, knownHostsFile: String? = nil, strictHostKeyChecking: Bool? = nil,
        timeout: Double = standardTimeout, tunnel: SSHHost? = nil
    ) {
        self.username = username
        self.knownHostsFile = knownHostsFile
        self.strictHostKeyChecking = strictHostKeyChecking
        self.timeout = timeout
        self.tunnel = tunnel
    }

    /// ssh's options for these settings, tunnel apart.
    package var options: [String] {
        // ssh counts whole seconds, and takes 0 for "no limit".
        var options = ["-o", "ConnectTimeout=\(Int(max(1, timeout.rounded(.up))))"]
        if let knownHostsFile { options += ["-o", "UserKnownHostsFile=\(Self.quoted(path: knownHostsFile))"] }
        if let strictHostKeyChecking {
            options += ["-o", "StrictHostKeyChecking=\(strictHostKeyChecking ? "ask" : "no")"]
        }
        if let username { options += ["-l", username] }
        return options
    }

    /// ssh's options for reaching `host`, by way of the tunnel if there is one.
    ///
    /// A `ProxyCommand` rather than `-J`: what is said about keys and time here holds for both hops then.
    package func options(port: UInt16?, throughTunnel: Bool = true) -> [String] {
        var options = self.options
        if throughTunnel, let tunnel {
            let hop = ["ssh"] + self.options + tunnel.options + ["-W", "[%h]:%p", "--", tunnel.name]
            options += ["-o", "ProxyCommand=\(hop.map(ShellWord.quoted).joined(separator: " "))"]
        }
        if let port { options += ["-p", "\(port)"] }
        return options
    }

    /// A path in the quotes that ssh_config(5) wants around blanks.
    private static func quoted(path: String) -> String { path.contains(" ") ? "\"\(path)\"" : path }
}

/// A host to log in to: `[USER@]HOST[:PORT]`, an IPv6 address with a port in brackets.
package struct SSHHost: Hashable, Sendable, CustomStringConvertible {
    /// With the user, if one was named: ssh's destination.
    package let name: String
    package let port: UInt16?

    /// Reads what `--tunnel` says.
    ///
    /// - Throws: `ClusterManagerError.usage`.
    package init(_ text: String) throws {
        func fail(_ why: String) -> ClusterManagerError {
            ClusterManagerError(.usage, "--tunnel '\(text)': \(why); it has the form [USER@]HOST[:PORT]")
        }
        let at = text.lastIndex(of: "@")
        let user = at.map { String(text[..<$0]) }
        var host = at.map { String(text[text.index(after: $0)...]) } ?? text
        var port: UInt16?
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { throw fail("the bracket is not closed") }
            let rest = host[host.index(after: end)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()), number > 0 else {
                    throw fail("the port must be a number from 1 to 65535")
                }
                port = number
            }
            host = String(host[host.index(after: host.startIndex)..<end])
        } else if host.count(where: { $0 == ":" }) == 1, let colon = host.firstIndex(of: ":") {
            guard let number = UInt16(host[host.index(after: colon)...]), number > 0 else {
                throw fail("the port must be a number from 1 to 65535")
            }
            port = number
            host = String(host[..<colon])
        }
        guard Self.isHost(host) else { throw fail("the host must be a name or an address") }
        if let user, user.isEmpty || user.hasPrefix("-") { throw fail("the user's name is wrong") }
        self.name = user.map { "\($0)@\(host)" } ?? host
        self.port = port
    }

    package var options: [String] { port.map { ["-p", "\($0)"] } ?? [] }

    package var description: String { port.map { "\(name):\($0)" } ?? name }

    /// Whether `text` is a host's name or address and nothing that ssh or a shell would take for more than that.
    package static func isHost(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "-") else { return false }
        return text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || [0x25, 0x2d, 0x2e, 0x3a, 0x5f].contains(byte)
        }
    }
}

/// Words for a shell.
package enum ShellWord {
    /// `word` as a POSIX shell reads it back, in single quotes where it needs them.
    package static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || [0x25, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x3a, 0x3d, 0x40, 0x5f].contains(byte)
            }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
