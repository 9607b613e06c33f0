// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

/// Who sent a request, as far as the server could find out.
package struct Caller: Hashable, Sendable {
    package typealias Role = API.Role

    package enum Identity: Hashable, Sendable {
        /// A person or program, with what it may do.
        case user(Role)
        /// A machine of the cluster, which speaks for itself alone.
        case machine(id: String)
        /// Nobody whom we know; the words are for the server's own records; `Caller.refusal` is for the caller.
        case unknown(reason: String)
    }

    /// As the audit shows it: `user:ada`, `machine:<id>`, `unix:0`, `unknown`.
    package var name: String
    /// Where the request came from: an address, or `unix`.
    package var origin: String
    package var identity: Identity
    /// Whether he is unknown only since the cluster's records could not be read yet: his certificate is the authority's.
    package var isUnread = false
    /// Why he is unknown, in words for himself; `nil` unless he has proven to be who his certificate of the authority's names.
    package var refusal: String?

    package init(name: String, origin: String, identity: Identity) {
        self.name = name
        self.origin = origin
        self.identity = identity
    }

    /// What the audit calls everybody where nobody has to prove anything.
    package static let anybodyName = "anybody"

    /// What the audit calls somebody whom nobody knows.
    package static let strangerName = "unknown"

    /// A caller whom nobody knows.
    ///
    /// - Parameters:
    ///   - origin: Where the request came from.
    ///   - reason: Why he is unknown, for the server's own records.
    ///   - refusal: What he himself is told of it, if he has shown a certificate of the cluster's.
    /// - Returns: The caller.
    package static func unknown(origin: String, reason: String, refusal: String? = nil) -> Caller {
        var caller = Caller(name: strangerName, origin: origin, identity: .unknown(reason: reason))
        caller.refusal = refusal
        return caller
    }

    /// A caller with a certificate of the cluster's, of whom nobody can say now whether it was revoked.
    package static func unread(origin: String) -> Caller {
        var caller = unknown(origin: origin, reason: "etcd has not been read since this agent began")
        caller.isUnread = true
        return caller
    }

    /// The process itself, as in tests and in calls that never left it.
    package static let itself = Caller(name: "itself", origin: "process", identity: .user(.admin))
}

/// How a connection came about: all that the network tells of its other end.
package enum ConnectionOrigin: Hashable, Sendable {
    /// Over a unix socket, with the ids that the kernel gives for the process at the other end.
    case unix(user: UInt32, group: UInt32, process: Int32)
    /// Over plain TCP.
    case plain(address: String)
    /// Over TLS, with the certificate (DER) whose key the other end has proven to hold; no part of it is verified yet.
    case tls(address: String, certificate: [UInt8]?)

    /// Where it comes from, for records.
    package var address: String {
        switch self {
        case .unix: "unix"
        case .plain(let address), .tls(let address, _): address
        }
    }
}

/// Decides who is at the other end of a connection.
package protocol CallerRecognition: Sendable {
    /// Asked for each request, since a certificate may end or be revoked while its connection lives.
    func caller(at origin: ConnectionOrigin) async -> Caller
}

/// What plain TCP is good for.
package enum PlainAccess: Sendable {
    /// Nothing but asking whether the server is well: nobody proves who he is there.
    case nothing
    /// Everything, from everywhere: the operator said `insecure`.
    case everything

    /// Who comes over plain TCP.
    package func caller(from address: String) -> Caller {
        switch self {
        case .nothing: .unknown(origin: address, reason: "plain TCP shows no certificate")
        case .everything: Caller(name: Caller.anybodyName, origin: address, identity: .user(.admin))
        }
    }
}

/// Takes everybody who can connect for the administrator, as fleet did: for clusters without identities.
package struct OpenDoor: CallerRecognition {
    private let plain: PlainAccess

    /// `plain` is what who comes over plain TCP may do; the unix socket's mode decides for itself who gets there.
    package init(plain: PlainAccess = .everything) { self.plain = plain }

    package func caller(at origin: ConnectionOrigin) async -> Caller {
        switch origin {
        case .unix(let user, _, _):
            Caller(name: "unix:\(user)", origin: origin.address, identity: .user(.admin))
        case .tls(let address, _): Caller(name: Caller.anybodyName, origin: address, identity: .user(.admin))
        case .plain(let address): plain.caller(from: address)
        }
    }
}
