// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// Administration of etcd's users and roles. Each call is repeated when its answer was lost, since each says what shall be and not
// what shall change; the price is that the result "was so before" may be owed to the call's own first try. With
// authentication on, all of it is for a user with the role `root`.

extension EtcdClient {
    /// Makes etcd ask everybody for a login from now on; no error when it does so already.
    ///
    /// - Throws: `.invalidRequest` while there is no user `root` with the role `root`.
    package func enableAuth() async throws(EtcdError) {
        _ = try await administer("enable", "turn etcd's logins on") { _ in }
    }

    /// Lets everybody do everything again; no error when it is so already.
    package func disableAuth() async throws(EtcdError) {
        _ = try await administer("disable", "turn etcd's logins off") { _ in }
    }

    // MARK: Users

    /// Makes a user without roles.
    ///
    /// - Returns: `false` when there is one of the name, whose password stays.
    @discardableResult
    package func addUser(_ name: String, password: String) async throws(EtcdError) -> Bool {
        try await unless(.alreadyExists) { () async throws(EtcdError) in
            try await administer("user/add", "make etcd user \(name)") {
                $0.string("name", name)
                $0.string("password", password)
            }
        }
    }

    /// Gives a user another password; all its logins end.
    ///
    /// - Returns: `false` when there is no such user.
    @discardableResult
    package func changePassword(of name: String, to password: String) async throws(EtcdError) -> Bool {
        try await unless(.notFound) { () async throws(EtcdError) in
            try await administer("user/changepw", "change the password of etcd user \(name)") {
                $0.string("name", name)
                $0.string("password", password)
            }
        }
    }

    /// Deletes a user; its logins end, but a watch that stands goes on until its connection ends.
    ///
    /// - Returns: `false` when there is no such user.
    @discardableResult
    package func deleteUser(_ name: String) async throws(EtcdError) -> Bool {
        try await unless(.notFound) { () async throws(EtcdError) in
            try await administer("user/delete", "delete etcd user \(name)") { $0.string("name", name) }
        }
    }

    /// The roles of a user; `nil` when there is no such user.
    package func roles(of user: String) async throws(EtcdError) -> [String]? {
        try await ifFound { () async throws(EtcdError) in
            try await administer("user/get", "look up etcd user \(user)") { $0.string("name", user) }
        }?.names
    }

    /// Names of all users, sorted.
    package func users() async throws(EtcdError) -> [String] {
        try await administer("user/list", "list etcd's users") { _ in }.names
    }

    /// Gives a user a role; no error when it has it.
    ///
    /// - Throws: `.notFound` when one of the two does not exist.
    package func grantRole(_ role: String, to user: String) async throws(EtcdError) {
        _ = try await administer("user/grant", "give role \(role) to etcd user \(user)") {
            $0.string("user", user)
            $0.string("role", role)
        }
    }

    /// Takes a role from a user.
    ///
    /// - Returns: `false` when there is no such user or it does not have the role.
    @discardableResult
    package func revokeRole(_ role: String, from user: String) async throws(EtcdError) -> Bool {
        try await unless(.notFound) { () async throws(EtcdError) in
            try await administer("user/revoke", "take role \(role) from etcd user \(user)") {
                $0.string("name", user)
                $0.string("role", role)
            }
        }
    }

    // MARK: Roles

    /// Makes a role without rights.
    ///
    /// - Returns: `false` when there is one of the name, whose rights stay.
    @discardableResult
    package func addRole(_ name: String) async throws(EtcdError) -> Bool {
        try await unless(.alreadyExists) { () async throws(EtcdError) in
            try await administer("role/add", "make etcd role \(name)") { $0.string("name", name) }
        }
    }

    /// Deletes a role and takes it from all who have it.
    ///
    /// - Returns: `false` when there is no such role.
    @discardableResult
    package func deleteRole(_ name: String) async throws(EtcdError) -> Bool {
        try await unless(.notFound) { () async throws(EtcdError) in
            try await administer("role/delete", "delete etcd role \(name)") { $0.string("role", name) }
        }
    }

    /// What a role may do; `nil` when there is no such role.
    package func permissions(of role: String) async throws(EtcdError) -> [EtcdPermission]? {
        try await ifFound { () async throws(EtcdError) in
            try await administer("role/get", "look up etcd role \(role)") { $0.string("role", role) }
        }?.permissions
    }

    /// Names of all roles, sorted.
    package func roles() async throws(EtcdError) -> [String] {
        try await administer("role/list", "list etcd's roles") { _ in }.names
    }

    /// Lets a role do something; replaces what it might do with the very same run of keys.
    ///
    /// - Throws: `.notFound` when there is no such role.
    package func grant(_ permission: EtcdPermission, to role: String) async throws(EtcdError) {
        _ = try await administer("role/grant", "give rights to etcd role \(role)") { writer in
            writer.string("name", role)
            writer.object("perm") {
                $0.string("permType", permission.access.rawValue)
                $0.range(start: permission.start, end: permission.end)
            }
        }
    }

    /// Takes from a role what it may do with the very same run of keys.
    ///
    /// - Returns: `false` when there is no such role or it has no such right.
    @discardableResult
    package func revoke(_ permission: EtcdPermission, from role: String) async throws(EtcdError) -> Bool {
        try await unless(.notFound) { () async throws(EtcdError) in
            try await administer("role/revoke", "take rights from etcd role \(role)") {
                $0.string("role", role)
                $0.range(start: permission.start, end: permission.end)
            }
        }
    }

    // MARK: -

    private func administer(
        _ path: String, _ what: String, _ body: (inout JSONWriter) -> Void
    ) async throws(EtcdError) -> AuthAnswer {
        let call = Call(
            path: "/v3/auth/" + path, body: JSONWriter.object(body), what: what, isRepeatable: true,
            isLinearizable: false)
        return try await perform(call, AuthAnswer.self)
    }

    private func unless(
        _ code: EtcdError.Code, _ call: () async throws(EtcdError) -> AuthAnswer
    ) async throws(EtcdError) -> Bool {
        do {
            _ = try await call()
            return true
        } catch {
            if error.code == code { return false }
            throw error
        }
    }

    private func ifFound(_ call: () async throws(EtcdError) -> AuthAnswer) async throws(EtcdError) -> AuthAnswer? {
        do {
            return try await call()
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }
}
