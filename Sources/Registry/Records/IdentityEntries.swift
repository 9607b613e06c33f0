// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

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

/// The value of `authorities`: whom the machines of this cluster trust, and who signs for it.
package struct AuthoritiesEntry: StoredRecord {
    /// Certificates of the authorities in PEM; two while one takes over from the other.
    package var bundle: String
    /// API addresses of the machines that sign.
    package var signers: [String]
    /// The word of former authorities for their successors, in PEM; a machine believes a new one by it, and by nothing else.
    package var vouches: [String]

    package init(bundle: String, signers: [String], vouches: [String] = []) {
        self.bundle = bundle
        self.signers = signers
        self.vouches = vouches
    }

    package init(_ object: JSONObject) throws(RecordError) {
        bundle = try object.required("bundle", "certificates") { $0.isEmpty ? nil : $0 }
        signers = try object.texts("signers")
        vouches = try object.texts("vouches")
    }

    package func write(to object: inout JSONObject) {
        object["bundle"] = .string(bundle)
        object["signers"] = .array(signers.map { .string($0) })
        // Left out where there are none, as version 0.1 writes it.
        object["vouches"] = vouches.isEmpty ? nil : .array(vouches.map { .string($0) })
    }
}

extension JSONValue {
    static func labels(_ labels: [String: String]) -> JSONValue {
        .object(
            JSONObject(
                labels.sorted { $0.key < $1.key }.map { JSONObject.Field(name: $0.key, value: .string($0.value)) }))
    }
}

extension JSONObject {
    /// A field that says when; it must be there.
    func moment(_ name: String) throws(RecordError) -> Int64 {
        guard let moment = try integer(name, as: Int64.self) else { throw RecordError("field \(name) is missing") }
        return moment
    }

    /// A field that is a list of texts; empty when missing or null.
    func texts(_ name: String) throws(RecordError) -> [String] {
        switch self[name] {
        case nil, .null: return []
        case .array(let elements):
            var texts: [String] = []
            for element in elements {
                guard case .string(let text) = element else {
                    throw RecordError("field \(name) holds a value that is not a text")
                }
                texts.append(text)
            }
            return texts
        default: throw RecordError("field \(name) is not a list")
        }
    }

    /// A field that is an object of texts; empty when missing or null.
    func labels(_ name: String) throws(RecordError) -> [String: String] {
        var labels: [String: String] = [:]
        for field in try object(name)?.fields ?? [] {
            guard case .string(let text) = field.value else {
                throw RecordError("field \(name) holds a value that is not a text")
            }
            labels[field.name] = text
        }
        return labels
    }
}
