// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

extension Records {
    /// Who belongs to the cluster, as against what machines report of themselves.
    package static let identities = RecordKind<MemberName, IdentityChange>(
        "identities/machines/<machine>, identities/users/<user>", lease: .none,
        // Who may ask it; there is no secret in any of it.
        agents: [.read(.all)], backup: .saved(.ifAbsent, into: .ownCluster), events: nil
    ) { (name, bytes) throws(RecordError) in
        // A record that speaks of another than its key does is nobody's.
        switch name {
        case .machine(let id):
            let identity = try MachineIdentity(bytes: bytes)
            guard identity.id == id else { throw RecordError("it is another machine's") }
            return .machine(id, identity)
        case .user(let name):
            let identity = try UserIdentity(bytes: bytes)
            guard identity.name == name else { throw RecordError("it is another user's") }
            return .user(name, identity)
        }
    }
}

extension RegistryKeys {
    package var identities: KeySelector { all(Records.identities) }
    package var machineIdentities: KeySelector { .prefix("\(prefix)\(Records.identities.folder)/machines/") }
    package var userIdentities: KeySelector { .prefix("\(prefix)\(Records.identities.folder)/users/") }
    package func machineIdentity(_ id: MachineID) -> String { key(Records.identities, .machine(id)) }
    package func userIdentity(_ name: String) -> String { key(Records.identities, .user(name)) }
}

/// Somebody who belongs to the cluster.
package enum MemberName: RecordName {
    case machine(MachineID)
    case user(String)

    package init?(tail: Substring) {
        let parts = tail.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "machines":
            guard let id = MachineID(tail: parts[1]) else { return nil }
            self = .machine(id)
        case "users": self = .user(String(parts[1]))
        default: return nil
        }
    }

    package var tail: String {
        switch self {
        case .machine(let id): "machines/\(id.rawValue)"
        case .user(let name): "users/\(name)"
        }
    }
}

// Moments are milliseconds since 1970 throughout.

/// What a user may do; each may all that the one before may.
package enum UserRole: String, Hashable, Sendable, CaseIterable, Comparable {
    case viewer
    case `operator`
    case admin

    package static func < (one: UserRole, other: UserRole) -> Bool {
        (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
    }
}

/// Who a machine is to the cluster: the value of `identities/machines/<id>`.
///
/// A certificate counts only while there is a record of its machine that has not been revoked.
package struct MachineIdentity: StoredRecord {
    package var id: MachineID
    package var name: String
    /// What it may be: `agent`, `engine`, `api`.
    package var roles: Set<String>
    package var metadata: [String: String]
    package var joinedAt: Int64
    package var revokedAt: Int64?
    /// How often a new password for its user in etcd was asked for, and how many of these times it has one since.
    ///
    /// Numbers, for the clocks of who asks and of who answers differ.
    package var passwordsAsked: Int64 = 0
    package var passwordsMade: Int64 = 0
    /// Whether it uses the store through other machines, and so has no login and no certificate there.
    package var usesGates = false
    /// The front half of the numbers of its leases at gates, drawn when it joined; `nil` of one that joined before that was done.
    package var leaseFront: UInt32?

    /// Whether it is to take a new password and has not.
    package var isPasswordAwaited: Bool { passwordsAsked > passwordsMade }

    package init(
        id: MachineID, name: String, roles: Set<String>, metadata: [String: String] = [:], joinedAt: Int64,
        revokedAt: Int64? = nil
    ) {
        self.id = id
        self.name = name
        self.roles = roles
        self.metadata = metadata
        self.joinedAt = joinedAt
        self.revokedAt = revokedAt
    }

    package init(_ object: JSONObject) throws(RecordError) {
        id = try object.required("id", "32 hexadecimal digits") { MachineID($0) }
        name = try object.text("name") ?? ""
        roles = Set(try object.texts("roles"))
        metadata = try object.labels("metadata")
        joinedAt = try object.moment("joinedAt")
        revokedAt = try object.integer("revokedAt", as: Int64.self)
        passwordsAsked = try object.integer("passwordsAsked", as: Int64.self) ?? 0
        passwordsMade = try object.integer("passwordsMade", as: Int64.self) ?? 0
        usesGates = try object.flag("usesGates")
        leaseFront = try object.integer("leaseFront", as: UInt32.self).flatMap {
            MachineLease.fronts.contains($0) ? $0 : nil
        }
    }

    package func write(to object: inout JSONObject) {
        object["id"] = .string(id.rawValue)
        object["name"] = .string(name)
        object["roles"] = .array(roles.sorted().map { .string($0) })
        object["metadata"] = .labels(metadata)
        object["joinedAt"] = .number(joinedAt)
        object["revokedAt"] = revokedAt.map { .number($0) }
        // Left out where nobody has asked, as versions before this one write it.
        object["passwordsAsked"] = passwordsAsked == 0 ? nil : .number(passwordsAsked)
        object["passwordsMade"] = passwordsMade == 0 ? nil : .number(passwordsMade)
        object["usesGates"] = usesGates ? .bool(true) : nil
        object["leaseFront"] = leaseFront.map { .number($0) }
    }
}

/// Who a user is: the value of `identities/users/<name>`.
package struct UserIdentity: StoredRecord {
    package var name: String
    package var role: UserRole
    /// From when on its certificates count.
    package var createdAt: Int64
    /// When the cluster came to know it, where that is later: the first administrator's certificate may be older than its record.
    package var addedAt: Int64?
    package var revokedAt: Int64?

    package init(
        name: String, role: UserRole, createdAt: Int64, addedAt: Int64? = nil, revokedAt: Int64? = nil
    ) {
        self.name = name
        self.role = role
        self.createdAt = createdAt
        self.addedAt = addedAt
        self.revokedAt = revokedAt
    }

    /// When it was made, as people are told.
    package var began: Int64 { addedAt ?? createdAt }

    package init(_ object: JSONObject) throws(RecordError) {
        name = try object.required("name", "a text") { $0.isEmpty ? nil : $0 }
        role = try object.required("role", "viewer, operator or admin") { UserRole(rawValue: $0) }
        createdAt = try object.moment("createdAt")
        addedAt = try object.integer("addedAt", as: Int64.self)
        revokedAt = try object.integer("revokedAt", as: Int64.self)
    }

    package func write(to object: inout JSONObject) {
        object["name"] = .string(name)
        object["role"] = .string(role.rawValue)
        object["createdAt"] = .number(createdAt)
        object["addedAt"] = addedAt.map { .number($0) }
        object["revokedAt"] = revokedAt.map { .number($0) }
    }
}
