// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore

/// Who belongs to the cluster. Moments are milliseconds since 1970.
///
/// Whoever checks a certificate should refuse one made before the record: a machine that joins again, or a user made again under an
/// old name, must not bring former certificates back to life.
extension ClusterRegistry {
    // MARK: Machines

    /// Makes a machine one of the cluster, or takes a revoked one back in.
    ///
    /// - Parameters:
    ///   - identity: What is to be known of it.
    ///   - mayReplace: Whether a living record of the same machine gives way.
    /// - Returns: The revision at which it is committed.
    /// - Throws: `.conflict` when there is a living record that may not be replaced.
    @discardableResult
    package func addMachine(
        _ identity: MachineIdentity, mayReplace: Bool = false
    ) async throws(RegistryError) -> Int64 {
        let action = "adding machine \(identity.id.short) to the cluster"
        return try await change(keys.machineIdentity(identity.id), while: action) {
            (current: MachineIdentity?) throws(RegistryError) in
            guard mayReplace || current == nil || current?.revokedAt != nil else {
                throw RegistryError(
                    code: .conflict, while: action, message: "it is one already; revoke it first, or let it be replaced"
                )
            }
            return identity
        }
    }

    /// Changes what the cluster knows of a machine.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func changeMachine(
        _ id: MachineID, _ edit: @Sendable (inout MachineIdentity) -> Void
    ) async throws(RegistryError) -> Int64 {
        let action = "changing the identity of machine \(id.short)"
        return try await change(keys.machineIdentity(id), while: action) {
            (current: MachineIdentity?) throws(RegistryError) in
            guard var identity = current else { throw Self.missing("machine \(id.short)", while: action) }
            edit(&identity)
            identity.id = id
            return identity
        }
    }

    /// Makes a machine's certificates count for nothing from now on; the first moment stays.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func revokeMachine(_ id: MachineID, at moment: Int64) async throws(RegistryError) -> Int64 {
        try await changeMachine(id) { $0.revokedAt = $0.revokedAt ?? moment }
    }

    /// Asks a machine to take a new password for its user in etcd; one that was asked already is asked no second time.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func askForPassword(of id: MachineID) async throws(RegistryError) -> Int64 {
        try await changeMachine(id) { if !$0.isPasswordAwaited { $0.passwordsAsked = $0.passwordsMade + 1 } }
    }

    /// Notes that a machine has a new password since it was asked for the time `number`.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func notePassword(of id: MachineID, asked number: Int64) async throws(RegistryError) -> Int64 {
        try await changeMachine(id) { $0.passwordsMade = max($0.passwordsMade, number) }
    }

    /// What is known of one machine; `nil` when it never joined.
    ///
    /// - Throws: `.damaged` when the record cannot be read.
    package func machineIdentity(_ id: MachineID) async throws(RegistryError) -> MachineIdentity? {
        try await record(keys.machineIdentity(id), while: "reading the identity of machine \(id.short)")?.record
    }

    /// All machines that ever joined, revoked ones too, by id.
    package func machineIdentities() async throws(RegistryError) -> (
        machines: [MachineIdentity], problems: [RegistryProblem]
    ) {
        let found: (records: [MachineIdentity], problems: [RegistryProblem]) = try await records(
            keys.machineIdentities, while: "listing machine identities")
        return (found.records, found.problems)
    }

    // MARK: Users

    /// Makes a user, or a revoked one anew.
    ///
    /// - Throws: `.conflict` when there is a living user of the name; `.invalid` for a name that is none.
    @discardableResult
    package func addUser(_ user: UserIdentity) async throws(RegistryError) -> Int64 {
        let action = "adding user \(user.name)"
        guard Self.isUserName(user.name) else {
            throw RegistryError(
                code: .invalid,
                message:
                    "'\(user.name.prefix(80))' is no user name: 1 to 64 letters, digits, '.', '_', '-', and no '.' "
                    + "or '-' at the start")
        }
        return try await change(keys.userIdentity(user.name), while: action) {
            (current: UserIdentity?) throws(RegistryError) in
            guard current == nil || current?.revokedAt != nil else {
                throw RegistryError(
                    code: .conflict, while: action,
                    message: "there is one of that name; revoke it first, or take another name")
            }
            return user
        }
    }

    /// Gives a user another role.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func setRole(of user: String, _ role: UserRole) async throws(RegistryError) -> Int64 {
        try await changeUser(user, while: "changing the role of user \(user)") { $0.role = role }
    }

    /// Makes a user's certificates count for nothing from now on; the first moment stays.
    ///
    /// - Throws: `.notFound`; `.damaged` when the record cannot be read.
    @discardableResult
    package func revokeUser(_ user: String, at moment: Int64) async throws(RegistryError) -> Int64 {
        try await changeUser(user, while: "revoking user \(user)") { $0.revokedAt = $0.revokedAt ?? moment }
    }

    /// The record of one user; `nil` when there is none.
    package func userIdentity(_ name: String) async throws(RegistryError) -> UserIdentity? {
        try await record(keys.userIdentity(name), while: "reading user \(name)")?.record
    }

    /// All users there ever were, revoked ones too, by name.
    package func userIdentities() async throws(RegistryError) -> (
        users: [UserIdentity], problems: [RegistryProblem]
    ) {
        let found: (records: [UserIdentity], problems: [RegistryProblem]) = try await records(
            keys.userIdentities, while: "listing users")
        return (found.records, found.problems)
    }

    /// Whether `text` may name a user.
    package static func isUserName(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), text.first != ".", text.first != "-" else { return false }
        return text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F].contains($0)
        }
    }

    private func changeUser(
        _ name: String, while action: String, _ edit: @Sendable (inout UserIdentity) -> Void
    ) async throws(RegistryError) -> Int64 {
        try await change(keys.userIdentity(name), while: action) { (current: UserIdentity?) throws(RegistryError) in
            guard var user = current else { throw Self.missing("user \(name)", while: action) }
            edit(&user)
            user.name = name
            return user
        }
    }

    static func missing(_ what: String, while action: String) -> RegistryError {
        RegistryError(code: .notFound, while: action, message: "there is no \(what)")
    }
}
