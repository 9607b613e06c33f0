// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What goes over the wire about who belongs to the cluster; moments are milliseconds since 1970.
extension API {
    /// Whom the cluster's members believe: public, since a stranger must be able to check it against a token.
    package struct Authorities: Codable, Hashable, Sendable {
        package var cluster: String
        /// Certificates, PEM; two while one authority takes over from the other.
        package var authorities: String

        package init(cluster: String, authorities: String) {
            self.cluster = cluster
            self.authorities = authorities
        }
    }

    /// A machine's request to become one of the cluster.
    package struct JoinRequest: Codable, Hashable, Sendable {
        /// The whole token.
        package var token: String
        /// A request for a certificate, PEM; the key stays on the machine.
        package var request: String
        /// The machine's id.
        package var machine: String
        /// Its name, for people.
        package var name: String
        /// Where its own API will be reached.
        package var addresses: [String]
        /// Whether its agent can use the store through other machines; missing from agents of version 0.1, which cannot.
        package var takesGates: Bool?

        package init(
            token: String, request: String, machine: String, name: String, addresses: [String], takesGates: Bool? = nil
        ) {
            self.takesGates = takesGates
            self.token = token
            self.request = request
            self.machine = machine
            self.name = name
            self.addresses = addresses
        }
    }

    /// All that a machine needs to run as one of the cluster.
    package struct JoinAnswer: Codable, Hashable, Sendable {
        package var cluster: String
        package var certificate: String
        package var authorities: String
        package var roles: [String]
        package var metadata: [String: String]
        package var etcd: EtcdLogin

        package init(
            cluster: String, certificate: String, authorities: String, roles: [String], metadata: [String: String],
            etcd: EtcdLogin
        ) {
            self.cluster = cluster
            self.certificate = certificate
            self.authorities = authorities
            self.roles = roles
            self.metadata = metadata
            self.etcd = etcd
        }
    }

    /// How a machine reaches etcd.
    package struct EtcdLogin: Codable, Hashable, Sendable {
        package var endpoints: [String]
        /// Missing where etcd asks for no login.
        package var user: String?
        package var password: String?
        /// Who signed etcd's certificates, PEM; missing where the cluster's own authority has.
        package var authorities: String?
        /// What the machine shows etcd, for the key of its request, PEM; missing from servers of version 0.1, and where there are gates.
        package var certificate: String?
        /// Where the machines' API answers through which it uses the store, having no login there; missing where it uses etcd itself.
        package var gates: [String]?

        package init(
            endpoints: [String], user: String? = nil, password: String? = nil, authorities: String? = nil,
            certificate: String? = nil, gates: [String]? = nil
        ) {
            self.gates = gates
            self.authorities = authorities
            self.certificate = certificate
            self.endpoints = endpoints
            self.user = user
            self.password = password
        }
    }

    /// A member's request for its next certificate, made with its present one.
    package struct CertificateOrder: Codable, Hashable, Sendable {
        package var request: String
        package var addresses: [String]

        package init(request: String, addresses: [String] = []) {
            self.request = request
            self.addresses = addresses
        }
    }

    package struct IssuedCertificate: Codable, Hashable, Sendable {
        package var cluster: String
        package var certificate: String
        package var authorities: String
        /// Where the API answers over TLS, for a profile; empty for machines.
        package var endpoints: [String]
        /// What a machine shows etcd, for the same key, PEM; missing for users, and from servers of version 0.1.
        package var etcdCertificate: String?

        package init(
            cluster: String, certificate: String, authorities: String, endpoints: [String] = [],
            etcdCertificate: String? = nil
        ) {
            self.etcdCertificate = etcdCertificate
            self.cluster = cluster
            self.certificate = certificate
            self.authorities = authorities
            self.endpoints = endpoints
        }
    }

    /// What a new join token is to be good for.
    package struct TokenOrder: Codable, Hashable, Sendable {
        /// Seconds.
        package var ttl: Int64
        package var uses: Int
        package var roles: [String]
        package var metadata: [String: String]

        package init(ttl: Int64, uses: Int, roles: [String], metadata: [String: String]) {
            self.ttl = ttl
            self.uses = uses
            self.roles = roles
            self.metadata = metadata
        }
    }

    /// A new token; the only time that its secret is shown.
    package struct NewToken: Codable, Hashable, Sendable {
        package var token: String
        /// Where to join, in the forms of `--endpoint`.
        package var endpoints: [String]

        package init(token: String, endpoints: [String]) {
            self.token = token
            self.endpoints = endpoints
        }
    }

    package struct Token: Codable, Hashable, Sendable {
        package var id: String
        package var expiresAt: Int64
        package var usesLeft: Int
        package var roles: [String]
        package var metadata: [String: String]
        package var createdBy: String
        package var createdAt: Int64

        package init(
            id: String, expiresAt: Int64, usesLeft: Int, roles: [String], metadata: [String: String],
            createdBy: String, createdAt: Int64
        ) {
            self.id = id
            self.expiresAt = expiresAt
            self.usesLeft = usesLeft
            self.roles = roles
            self.metadata = metadata
            self.createdBy = createdBy
            self.createdAt = createdAt
        }
    }

    package struct TokenList: Codable, Hashable, Sendable {
        package var tokens: [Token]

        package init(tokens: [Token]) { self.tokens = tokens }
    }

    /// A new user; its key is made by who asks.
    package struct UserOrder: Codable, Hashable, Sendable {
        package var name: String
        /// `viewer`, `operator` or `admin`.
        package var role: String
        package var request: String

        package init(name: String, role: String, request: String) {
            self.name = name
            self.role = role
            self.request = request
        }
    }

    package struct User: Codable, Hashable, Sendable {
        package var name: String
        package var role: String
        package var createdAt: Int64
        package var revokedAt: Int64?

        package init(name: String, role: String, createdAt: Int64, revokedAt: Int64?) {
            self.name = name
            self.role = role
            self.createdAt = createdAt
            self.revokedAt = revokedAt
        }
    }

    package struct UserList: Codable, Hashable, Sendable {
        package var users: [User]

        package init(users: [User]) { self.users = users }
    }

    /// The answer to the revocation of what was revoked before.
    package struct Revocation: Codable, Hashable, Sendable {
        /// Milliseconds since 1970.
        package var since: Int64

        package init(since: Int64) { self.since = since }
    }

    /// A machine as the cluster's own records have it, alive or not.
    package struct Member: Codable, Hashable, Sendable {
        package var id: String
        package var name: String
        package var roles: [String]
        package var joinedAt: Int64
        package var revokedAt: Int64?
        /// True while an operator keeps new units off it, also while it is off; left out otherwise.
        package var cordoned: Bool?
        /// True while it has been asked for a new password in etcd and has none yet; left out otherwise.
        package var passwordAwaited: Bool?
        /// True where it uses etcd through other machines and has no password there; left out otherwise.
        package var usesGates: Bool?

        package init(
            id: String, name: String, roles: [String], joinedAt: Int64, revokedAt: Int64?, cordoned: Bool? = nil,
            passwordAwaited: Bool? = nil, usesGates: Bool? = nil
        ) {
            self.usesGates = usesGates
            self.passwordAwaited = passwordAwaited
            self.id = id
            self.name = name
            self.roles = roles
            self.joinedAt = joinedAt
            self.revokedAt = revokedAt
            self.cordoned = cordoned
        }
    }

    package struct MemberList: Codable, Hashable, Sendable {
        package var machines: [Member]

        package init(machines: [Member]) { self.machines = machines }
    }

    /// One step of a rotation of authorities.
    package struct Rotation: Codable, Hashable, Sendable {
        /// `begin` brings in a new authority beside the old, `finish` takes the old one away.
        package var step: String

        package init(step: String) { self.step = step }
    }

    /// The password that a machine has made for its own user in etcd.
    package struct StorePassword: Codable, Hashable, Sendable {
        package var password: String

        package init(password: String) { self.password = password }
    }

    /// What became of the password of etcd's root.
    package struct RootPasswordReport: Codable, Hashable, Sendable {
        /// Why it is as it was; missing when it was changed.
        package var kept: String?

        package init(kept: String? = nil) { self.kept = kept }
    }

    /// One act as the audit has it.
    package struct AuditEvent: Codable, Hashable, Sendable {
        package var time: Int64
        package var caller: String
        package var origin: String
        package var action: String
        package var unit: String?
        package var before: String?
        package var after: String?
        /// Why it was refused; missing when it was done.
        package var refusal: String?

        package init(
            time: Int64, caller: String, origin: String, action: String, unit: String?, before: String?,
            after: String?, refusal: String?
        ) {
            self.time = time
            self.caller = caller
            self.origin = origin
            self.action = action
            self.unit = unit
            self.before = before
            self.after = after
            self.refusal = refusal
        }
    }

    package struct AuditPage: Codable, Hashable, Sendable {
        package var events: [AuditEvent]

        package init(events: [AuditEvent]) { self.events = events }
    }
}
